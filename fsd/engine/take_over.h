#pragma once

#include <functional>
#include <memory>
#include <string>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/log_reader.h"
#include "fsd/engine/manifest_client.h"
#include "fsd/format/volume_object.h"
#include "fsd/index/index.h"
#include "fsd/runtime/runtime.h"

namespace cairn::engine {

/// Everything that reading and taking over a volume's log needs. References outlive the Tasks.
struct LogAccess {
  Runtime& runtime;
  object_store::ObjectStore& store;
  index::Index& index;
  format::VolumeParameters parameters;
  format::Sealer sealer;
};

/// What a take-over, or a look at the log, ends with.
struct OpenedLog {
  StoredManifest manifest;
  format::WriterNonce nonce;
  Seq epoch_start;       // its slot; none for a reader
  format::Position tip;  // where the log goes on, and the index stands
  std::uint64_t replayed = 0;
  bool rebuilt = false;  // the index was loaded from the checkpoint
};

/// The text that says whose an index is.
[[nodiscard]] std::string index_volume(const format::VolumeIdentity& identity);
/// The changes that a segment makes to the index: its batch, and its frame table.
[[nodiscard]] std::vector<index::Change> index_changes(const format::SegmentFront& front,
                                                       std::string& frames_key,
                                                       std::string& frames_value);

/// Takes the volume over, as in DESIGN section 5: the manifest goes to a new epoch, the index is
/// brought up to the end of the log, an epoch-start fences whoever wrote before.
/// Fails with: kFenced when another one takes over meanwhile, kLost, kDamaged, kNewerFormat;
/// StoreErrc.
Task<Result<OpenedLog>> take_over(LogAccess access);
/// For reading only: brings the index up to the end of the log, and changes nothing in the bucket.
Task<Result<OpenedLog>> follow_log(LogAccess access);

}  // namespace cairn::engine
