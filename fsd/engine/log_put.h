#pragma once

#include <functional>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/log_reader.h"
#include "fsd/engine/volume.h"
#include "fsd/runtime/runtime.h"

namespace cairn::engine {

/// Puts a segment into its slot of the log, which must be empty, and finds out what came of it.
/// True: it is there, by us. False: the slot is another writer's (or was, and is deleted: we slept
/// that long). Every ambiguous answer leads to the same bytes being sent again; `on_trouble` is
/// called after each such answer, so that waiting callers can be told, and the log once a minute.
/// Without it nothing has been acknowledged yet that would be lost, and what the store refuses for
/// good is an error.
/// Threads: core only.
/// Fails with: StoreErrc::kCancelled, when stopping; without `on_trouble`, the store's refusals.
Task<Result<bool>> put_segment(Runtime& runtime, object_store::ObjectStore& store,
                               LogReader& reader, format::SegmentHeader header, SharedBytes object,
                               std::function<void()> on_trouble);

}  // namespace cairn::engine
