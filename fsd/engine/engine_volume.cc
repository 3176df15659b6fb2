// The Volume operations of the engine: metadata, transactions, durability, file bytes.

#include "fsd/engine/engine.h"
#include "fsd/format/keys.h"

namespace cairn::engine {

Result<std::optional<std::string>> Engine::find(std::string_view key) {
  return metadata_.find(key);
}
Result<void> Engine::scan(std::string_view first, std::string_view end, const Visitor& visit) {
  return metadata_.scan(first, end, visit);
}
Result<std::optional<std::pair<std::string, std::string>>> Engine::find_floor(
    std::string_view first, std::string_view key) {
  return metadata_.find_floor(first, key);
}

bool Engine::open_is_full(std::size_t data_bytes) const {
  if (open_.empty()) return false;
  const std::size_t after = open_.arena->size() + data_bytes;
  return after > kArenaBytesMax || after > std::max(writer_.link().seal_bytes(), data_bytes) ||
         open_.batch_bytes > kBatchBytesMax;
}

Task<Result<void>> Engine::admit(std::size_t data_bytes) {
  CHECK(data_bytes <= kAdmitBytesMax);
  for (;;) {
    if (failure_) co_return *failure_;
    if (options_.read_only) co_return Error(EngineErrc::kReadOnly, "");
    if (metadata_.overlay().bytes() > kOverlayBytesMax) {
      // Batches that are not durable yet do not shrink it: they must get there first.
      if (writer_.in_flight() == 0 && !open_.empty()) seal(false);
      feeder_.hurry();
      const Counted waiting(writers_waiting_);
      if (writer_.in_flight() > 0) {
        co_await writer_.progress().wait();
      } else {
        co_await feeder_.progress().wait();
      }
    } else if (!open_is_full(data_bytes)) {
      co_return Result<void>();
    } else if (writer_.has_room(open_.bytes())) {
      seal(false);
    } else {
      const Counted waiting(writers_waiting_);
      co_await writer_.progress().wait();
    }
  }
}

void Engine::change(std::string_view key, std::optional<std::string_view> value) {
  auto [entry, first] = metadata_.overlay().set(key, value, writer_.next_seq());
  if (first) {
    open_.keys.push_back(entry);
    open_.batch_bytes += key.size() + 32;
  }
  open_.batch_bytes += value ? value->size() : 0;
  if (!commit_timer_set_) arm_commit_timer();
}

void Engine::put(std::string_view key, std::string_view value) { change(key, value); }
void Engine::erase(std::string_view key) { change(key, std::nullopt); }

DataRef Engine::append(ByteView bytes) {
  accounts_.add(writer_.next_seq(), static_cast<std::int64_t>(bytes.size()));
  if (!commit_timer_set_) arm_commit_timer();
  return {.segment = writer_.next_seq(), .offset = open_.arena->append(bytes)};
}

bool Engine::overwrite(DataRef at, ByteView bytes) {
  if (at.segment != writer_.next_seq()) return false;
  open_.arena->overwrite(at.offset, bytes);
  return true;
}

void Engine::add_reference(DataRef at, std::uint64_t length) {
  accounts_.add(at.segment, static_cast<std::int64_t>(length));
}
void Engine::drop_reference(DataRef at, std::uint64_t length) {
  accounts_.add(at.segment, -static_cast<std::int64_t>(length));
}

// Group commit: as long as enough commits are under way, callers join the next segment.
Task<Result<void>> Engine::sync(Seq upto) {
  const std::uint64_t troubles = troubles_;
  for (;;) {
    if (upto < durable_end()) co_return Result<void>();
    if (failure_) co_return *failure_;
    if (troubles != troubles_) {
      co_return Error(EngineErrc::kUnavailable, "the object store does not answer");
    }
    if (upto >= open_segment() && open_.empty()) {
      if (durable_end() == open_segment()) co_return Result<void>();
      upto = Seq(open_segment().value() - 1);
      continue;
    }
    if (upto >= open_segment() && writer_.awaited_in_flight() < kCommitsInFlightMax) {
      upto = open_segment();
      seal(true);
      continue;
    }
    const Counted waiting(syncs_waiting_);
    co_await writer_.progress().wait();
  }
}

Task<Result<void>> Engine::read(DataRef from, MutableByteView into, const CancelFlag* cancel) {
  const Arena* arena = nullptr;
  if (from.segment == open_segment()) {
    arena = open_.arena.get();
  } else if (const Flight* flight = writer_.find(from.segment)) {
    arena = flight->arena.get();
  }
  if (arena == nullptr) return frames_.read(from, into, cancel);
  if (from.offset + into.size() > arena->size()) {
    return []() -> Task<Result<void>> {
      co_return Error(EngineErrc::kDamaged, "an extent reaches past its segment");
    }();
  }
  arena->read(from.offset, into);
  return []() -> Task<Result<void>> { co_return Result<void>(); }();
}

std::uint64_t Engine::prefetch(DataRef from, std::uint64_t length) {
  if (from.segment >= durable_end()) return length;
  return frames_.prefetch(from, length);
}

Result<std::shared_ptr<const format::FrameTable>> Engine::find_frames(Seq segment) {
  TRY(auto stored, metadata_.find(format::frames_key(segment)));
  if (!stored) return Error(EngineErrc::kDamaged, "a file refers to a segment that is not known");
  auto table = format::decode_frame_table(segment, *stored);
  if (!table) return Error(EngineErrc::kDamaged, "a frame table is damaged");
  return std::make_shared<const format::FrameTable>(std::move(*table));
}

}  // namespace cairn::engine
