#pragma once

#include <functional>

#include "fsd/base/task.h"
#include "fsd/frontends/ninep/identity.h"
#include "fsd/frontends/ninep/qid_versions.h"
#include "fsd/runtime/runtime.h"
#include "fsd/vfs/vfs.h"

namespace cairn::p9 {

/// What bounds a session, whatever its client does.
struct Limits {
  /// Of a message in either direction. 1 MiB of data and the head that Linux reserves for it.
  std::uint32_t message_bytes_max = vfs::kIoBytesMax + 24;
  std::size_t fids_max = 1U << 18;
  /// Requests under way; past them, nothing more is read from the client.
  std::size_t requests_max = 512;
  /// ... and the bytes that they hold, of requests and of the replies that are to come. One
  /// request is always let in.
  std::size_t request_bytes_max = 32U << 20;
  /// Requests that wait for a lock. Well below requests_max, so that the unlock still gets through;
  /// who comes later is told to ask again.
  std::size_t lock_waits_max = 128;
};

/// What the sessions of all listeners share.
/// Lifetime: outlives them.   Threads: core only.
struct Door {
  vfs::Vfs& vfs;
  Runtime& runtime;
  UserDatabase& users;
  Limits limits;
  QidVersions versions{};
  /// Awaited before a request that has changed something is answered; may be empty. Outlives
  /// the sessions: one that ends does not wait for it.
  std::function<Task<>()> settle{};
  std::uint64_t next_client = 0;  // Caller::client of the next session; unlike other doors'
};

}  // namespace cairn::p9
