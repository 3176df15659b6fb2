#pragma once

#include <cstdint>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/log_access.h"
#include "fsd/engine/manifest_client.h"
#include "fsd/format/position.h"

namespace cairn::engine {

/// What a take-over, or a look at the log, ends with.
struct OpenedLog {
  StoredManifest manifest;
  format::WriterNonce nonce;
  format::Position tip;  // where the log goes on, and the index stands
  Seq log_end;           // of what earlier epochs wrote, all before it is in the log
  std::uint64_t replayed = 0;
  bool rebuilt = false;  // the index was loaded from the checkpoint
};

/// Takes the volume over: the manifest goes to a new epoch, the index is brought up to the end of
/// the log, an epoch-start fences whoever wrote before. take_over.cc has the rules.
/// Fails with: kFenced when another one takes over meanwhile, kLost, kDamaged, kNewerFormat;
/// StoreErrc.
Task<Result<OpenedLog>> take_over(LogAccess access);
/// For reading only: brings the index up to the end of the log, and changes nothing in the bucket.
Task<Result<OpenedLog>> follow_log(LogAccess access);

}  // namespace cairn::engine
