#pragma once

#include <memory>
#include <string>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/change_set.h"
#include "fsd/engine/log_access.h"
#include "fsd/engine/log_reader.h"
#include "fsd/format/manifest.h"
#include "fsd/format/position.h"

namespace cairn::engine {

/// The text that says whose an index is.
[[nodiscard]] std::string index_volume(const format::VolumeIdentity& identity);
/// What a segment changes in the index: its batch, and its frame table.
[[nodiscard]] ChangeSet changes_of(const format::SegmentFront& front);

/// Brings the local index to a position of the log that can be believed: its own, if it belongs to
/// this volume, does not lie before the log's start, and the segment that it names as its last is
/// the log's; otherwise the checkpoint's, after loading the checkpoint's tables.
/// Sets `rebuilt`. Threads: core only.
/// Fails with: StoreErrc, kDamaged, kLost; IndexErrc when the local disk does not do its part.
Task<Result<format::Position>> load_index(LogAccess access, LogReader& reader,
                                          format::Manifest manifest, bool& rebuilt);

/// Applies a run of the log, on the index thread. The index stands at `from`.
/// Threads: core only.   Fails with: IndexErrc.
Task<Result<void>> apply_run(LogAccess access, std::shared_ptr<const LogReader::Run> run,
                             format::Position from);

}  // namespace cairn::engine
