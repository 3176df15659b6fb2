#include "fsd/engine/log_put.h"

#include <algorithm>
#include <optional>

#include "fsd/base/log.h"
#include "fsd/engine/limits.h"
#include "fsd/engine/protocol_rules.h"
#include "fsd/format/names.h"
#include "fsd/runtime/await.h"

namespace cairn::engine {

using object_store::StoreErrc;

namespace {

constexpr Duration kPauseFirst = seconds(1);
constexpr Duration kPauseMax = seconds(8);
constexpr Duration kReportInterval = seconds(60);

/// After "the slot is taken": by this very segment, whose answer was lost, or by another's?
Task<Result<bool>> is_ours(LogReader& reader, format::SegmentHeader header) {
  auto front = co_await reader.read_front(header.seq);
  if (!front) {
    if (is(front.error(), EngineErrc::kDamaged)) co_return false;
    co_return front.error();
  }
  if (!*front) co_return false;  // taken, and then gone: superseded long ago
  const format::SegmentHeader& found = (*front)->header;
  if (!rule(Rule::kIdentity)) co_return true;
  const bool starts = header.kind == format::SegmentKind::kEpochStart;
  if (!rule(starts ? Rule::kOwnEpochStart : Rule::kReadBack)) co_return false;
  const bool same = found.nonce == header.nonce && found.seq == header.seq && found.id == header.id;
  co_return same;
}

}  // namespace

Task<Result<bool>> put_segment(Runtime& runtime, object_store::ObjectStore& store,
                               LogReader& reader, format::SegmentHeader header, SharedBytes object,
                               std::function<void()> on_trouble) {
  const std::string key = format::log_name(header.seq);
  std::optional<Duration> reported;
  for (Duration pause = kPauseFirst;; pause = std::min(2 * pause, kPauseMax)) {
    auto put = co_await store.put(key, object, object_store::PutCondition::absent());
    if (put) co_return true;
    Error trouble = put.error();
    if (is(trouble, StoreErrc::kPreconditionFailed)) {
      auto ours = co_await is_ours(reader, header);
      if (ours) co_return *ours;
      trouble = ours.error();
    }
    if (is(trouble, StoreErrc::kCancelled)) co_return trouble;
    if (!on_trouble && !object_store::may_retry(trouble)) co_return trouble;
    if (on_trouble) on_trouble();
    const Duration now = runtime.clock.monotonic();
    if (!reported || now - *reported >= kReportInterval) {
      reported = now;
      log::error("{} cannot be written ({}); trying again", key, trouble.message());
    }
    co_await SleepFor(runtime.timers, pause);
  }
}

}  // namespace cairn::engine
