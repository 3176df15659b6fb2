#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>

#include "fsd/frontends/fuse/lock_waits.h"
#include "fsd/frontends/fuse/lookup_counts.h"
#include "fsd/frontends/fuse/request_counts.h"
#include "fsd/frontends/fuse/waiting_requests.h"
#include "fsd/runtime/runtime.h"
#include "fsd/vfs/vfs.h"

namespace cairn::fuse {

/// What all requests of one mount share.
/// Lifetime: outlives the session and every Request.   Threads: as its parts say; `vfs` core only.
struct Door {
  Door(Runtime& runtime, vfs::Vfs& vfs_used, std::uint64_t client_used, double cache_time,
       bool over_io_uring, std::size_t lanes, std::size_t lock_waits_per_lane)
      : core(runtime.core),
        timers(runtime.timers),
        vfs(vfs_used),
        client(client_used),
        cache_seconds(cache_time),
        io_uring(over_io_uring),
        lock_waits(lanes, lock_waits_per_lane),
        waiting(runtime, in_flight) {}

  Strand& core;
  Timers& timers;
  vfs::Vfs& vfs;
  const std::uint64_t client;  // Caller::client of every request
  const double cache_seconds;  // how long the kernel keeps entries and attributes
  const bool io_uring;         // ask for it in INIT
  std::atomic<std::uint64_t> in_flight{0};
  LockWaits lock_waits;
  WaitingRequests waiting;  // core only
  LookupCounts lookups{};   // core only
  RequestCounter counts{};
  std::atomic<bool> closing{false};  // requests are turned away
  /// The kernel has ended the connection. By libfuse's loop, which goes on when this returns.
  std::function<void()> on_connection_end{};
  /// The mount answers; whether it does so over io_uring. Set once, by the thread that answers the
  /// kernel's first message.
  std::promise<bool> serving{};
  std::atomic<bool> began{false};

  void begin(bool over_io_uring) {
    if (!began.exchange(true)) serving.set_value(over_io_uring);
  }

  void remember(Ino ino) {
    vfs.remember(ino);
    lookups.add(ino);
  }
  void forget(Ino ino, std::uint64_t count) {
    if (const std::uint64_t taken = lookups.take(ino, count); taken > 0) vfs.forget(ino, taken);
  }
};

}  // namespace cairn::fuse
