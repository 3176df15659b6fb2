#include "fsd/engine/log_reader.h"

#include "fsd/base/log.h"
#include "fsd/engine/limits.h"
#include "fsd/engine/protocol_rules.h"
#include "fsd/engine/volume.h"
#include "fsd/format/format_error.h"
#include "fsd/format/names.h"

namespace cairn::engine {

using format::SegmentKind;
using object_store::StoreErrc;

namespace {

Error undecodable(Seq seq, const Error& why) {
  const bool newer = is(why, format::FormatErrc::kNewer);
  return Error(newer ? EngineErrc::kNewerFormat : EngineErrc::kDamaged,
               "a segment of the log cannot be read",
               format::log_name(seq) + " (" + why.message() + ")");
}

}  // namespace

format::Position position_after(const format::SegmentHeader& header) {
  const Seq next = rule(Rule::kNextSeq) ? header.next_seq : header.seq.next();
  return {.next_seq = next, .epoch = header.epoch, .last = header.id};
}

Task<Result<std::optional<format::SegmentFront>>> LogReader::read_front(Seq seq) {
  auto front = co_await read_front_once(seq);
  if (front || !is(front.error(), EngineErrc::kDamaged)) co_return front;
  log::warn("{}; asking again", front.error().message());
  co_return co_await read_front_once(seq);
}

Task<Result<std::optional<format::SegmentFront>>> LogReader::read_front_once(Seq seq) {
  using Found = std::optional<format::SegmentFront>;
  const std::string key = format::log_name(seq);
  auto object = co_await store_.get(key, {.offset = 0, .length = kFrontBytesGuess});
  if (!object) {
    if (is(object.error(), StoreErrc::kNotFound)) co_return Found();
    co_return object.error();
  }
  SharedBytes prefix = object->body;
  if (prefix.size() < format::kSegmentHeaderBytes) {
    co_return Error(EngineErrc::kDamaged, "a segment of the log is cut short", key);
  }
  auto needed = format::segment_front_bytes(prefix.view());
  if (!needed) co_return undecodable(seq, needed.error());
  if (*needed > prefix.size()) {
    auto whole = co_await store_.get(key, {.offset = 0, .length = *needed});
    if (!whole) {
      if (is(whole.error(), StoreErrc::kNotFound)) co_return Found();
      co_return whole.error();
    }
    prefix = whole->body;
    if (prefix.size() < *needed) {
      co_return Error(EngineErrc::kDamaged, "a segment of the log is cut short", key);
    }
  }
  auto front = format::decode_segment_front(prefix.view(), object->size, sealer_);
  if (!front) co_return undecodable(seq, front.error());
  co_return Found(std::move(*front));
}

std::optional<Error> LogReader::cannot_follow(const format::Position& at,
                                              const format::SegmentHeader& header) const {
  const std::string name = format::log_name(at.next_seq);
  if (header.identity != identity_) {
    return Error(EngineErrc::kDamaged, "a segment of the log belongs to another volume", name);
  }
  if (header.seq != at.next_seq || header.previous != at.last) {
    return Error(EngineErrc::kLost, "a segment of the log does not follow the one before it", name);
  }
  const bool in_order = header.kind == SegmentKind::kEpochStart
                            ? header.epoch > at.epoch && header.next_seq > header.seq
                            : header.kind == SegmentKind::kData && header.epoch == at.epoch &&
                                  header.next_seq == header.seq.next();
  if (in_order || !rule(Rule::kEpochOrder)) return std::nullopt;
  return Error(EngineErrc::kLost, "a segment of the log is of the wrong epoch", name);
}

Task<Result<LogReader::Run>> LogReader::read_run(format::Position from, std::size_t count) {
  using Front = Result<std::optional<format::SegmentFront>>;
  std::vector<Task<Front>> reads;
  reads.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    reads.push_back(read_front(Seq(from.next_seq.value() + i)));
  }
  Run run;
  run.end = from;
  bool ended = false;
  std::optional<Error> failed;
  // Every read is awaited, also those that turn out to be of no use.
  for (auto& read : reads) {
    Front front = co_await read;
    if (ended || failed) continue;
    if (!front) {
      if (front.error().code.category() == engine_category()) {
        run.broken = front.error();
      } else {
        failed = front.error();
      }
      ended = true;
    } else if (!*front) {
      run.at_end_of_log = true;
      ended = true;
    } else if (auto broken = cannot_follow(run.end, (*front)->header)) {
      run.broken = std::move(broken);
      ended = true;
    } else {
      run.end = position_after((*front)->header);
      // Behind an epoch-start lies a gap: what else was asked for is of no use.
      ended = (*front)->header.kind == SegmentKind::kEpochStart;
      run.segments.push_back(std::move(**front));
    }
  }
  if (failed) co_return *failed;
  co_return std::move(run);
}

Task<Result<bool>> LogReader::exists(Seq seq) {
  auto object = co_await store_.get(format::log_name(seq), {.offset = 0, .length = 1});
  if (object) co_return true;
  if (is(object.error(), StoreErrc::kNotFound)) co_return false;
  co_return object.error();
}

Task<Result<bool>> LogReader::anything_in(Seq first, std::uint64_t count) {
  std::vector<Task<Result<bool>>> looks;
  for (std::uint64_t i = 0; i < count; ++i) looks.push_back(exists(Seq(first.value() + i)));
  bool found = false;
  std::optional<Error> failed;
  for (auto& look : looks) {
    auto answer = co_await look;
    if (!answer) {
      failed = answer.error();
    } else if (*answer) {
      found = true;
    }
  }
  if (failed) co_return *failed;
  co_return found;
}

}  // namespace cairn::engine
