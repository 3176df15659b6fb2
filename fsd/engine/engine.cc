#include "fsd/engine/engine.h"

#include "fsd/base/log.h"
#include "fsd/engine/fenced.h"
#include "fsd/engine/index_loader.h"
#include "fsd/engine/limits.h"
#include "fsd/engine/protocol_rules.h"
#include "fsd/format/keys.h"

namespace cairn::engine {

Engine::Engine(LogAccess access, Options options)
    : access_(access),
      options_(std::move(options)),
      reader_(access.store, access.sealer, access.parameters.identity),
      feeder_(access.runtime, access.index, metadata_, index_volume(access.parameters.identity),
              [this](Error error) {
                fail(Error(EngineErrc::kDamaged,
                           "the local index does not work: start again, which loads a damaged one "
                           "anew from the bucket; nothing is lost",
                           error.message()));
              }),
      writer_(access.runtime, access.store, reader_, access.sealer,
              {.window = access.parameters.window,
               .window_bytes = options_.window_bytes,
               .compression = options_.compression},
              {.on_durable = [this](Flight& flight) { on_durable(flight); },
               .on_failed = [this](Error error) { fail(std::move(error)); },
               .on_trouble = [this] { on_trouble(); }}),
      checkpointer_(access, reader_, feeder_, options_.compression,
                    {.on_failed = [this](Error error) { fail(std::move(error)); }}),
      cache_(options_.cache_bytes),
      blocks_(access.parameters.frame_bytes, kIdleFrameBytesMax),
      frames_(access.runtime, access.store, access.sealer, blocks_, cache_,
              [this](Seq segment) { return find_frames(segment); }),
      reaper_(access.runtime, access.store, *this, options_.reap_grace) {}

Engine::~Engine() = default;

Task<Result<std::unique_ptr<Engine>>> Engine::open(LogAccess access, Options options) {
  std::unique_ptr<Engine> engine(new Engine(access, std::move(options)));
  auto opening = engine->options_.read_only ? follow_log(access) : take_over(access);
  CO_TRY(auto opened, co_await opening);
  CO_TRY_OK(co_await engine->start(std::move(opened)));
  co_return std::move(engine);
}

Task<Result<void>> Engine::start(OpenedLog opened) {
  index::Index& index = access_.index;
  auto take = [&index] { return index.snapshot(); };
  auto snapshot = co_await RunOn(access_.runtime.indexing, access_.runtime.core, take);
  if (!snapshot) co_return snapshot.error();
  metadata_.set_snapshot(std::move(*snapshot));
  opened_ = std::move(opened);
  feeder_.start(opened_.tip);
  writer_.start(opened_.tip);
  checkpointer_.start(opened_.manifest, opened_.tip);
  segments_since_checkpoint_ = opened_.replayed;
  begin_segment();
  if (!options_.read_only) sweep().detach();
  co_return Result<void>();
}

void Engine::begin_segment() {
  open_.id = format::SegmentId::random(access_.runtime.random);
  open_.arena = std::make_shared<Arena>(blocks_);
  open_.keys.clear();
  open_.batch_bytes = 0;
}

void Engine::seal(bool awaited) {
  if (observer_ != nullptr) observer_->before_seal();
  const Seq seq = writer_.next_seq();
  auto flushed =
      accounts_.flush(metadata_, seq, open_.arena->size(),
                      [this](std::string_view key, std::string_view value) { change(key, value); });
  if (!flushed) return fail(flushed.error());

  auto flight = std::make_shared<Flight>();
  flight->header = {.identity = access_.parameters.identity,
                    .epoch = opened_.tip.epoch,
                    .nonce = opened_.nonce,
                    .seq = seq,
                    .id = open_.id,
                    .previous = writer_.last_id(),
                    .next_seq = seq.next(),
                    .kind = format::SegmentKind::kData,
                    .frame_bytes = access_.parameters.frame_bytes};
  for (const auto& key : open_.keys) {
    std::optional<std::string_view> value;
    if (key->second.value) value = *key->second.value;
    flight->changes.add(key->first, value);
  }
  flight->changes.sort();
  flight->arena = open_.arena;
  flight->awaited = awaited;
  begin_segment();
  if (commit_timer_set_) {
    access_.runtime.timers.cancel(commit_timer_);
    commit_timer_set_ = false;
  }
  writer_.submit(std::move(flight));
}

void Engine::on_durable(Flight& flight) {
  const Seq seq = flight.header.seq;
  if (flight.arena->size() > 0) {
    const std::string key = format::frames_key(seq);
    const std::string value = format::encode(flight.frames);
    // Into the overlay under this segment's number: it goes when the index has it.
    metadata_.overlay().set(key, value, seq);
    flight.changes.add(key, value);
    for (std::size_t i = 0; i < flight.arena->frames(); ++i) {
      cache_.insert({flight.header.id, static_cast<std::uint32_t>(i)}, flight.arena->share_frame(i),
                    FrameCache::Use::kDemand);
    }
  }
  batch_bytes_since_checkpoint_ += flight.changes.bytes();
  ++segments_since_checkpoint_;
  committed_since_look_ = true;
  feeder_.add(
      {.seq = seq, .after = position_after(flight.header), .changes = std::move(flight.changes)});
  if (!look_timer_set_) arm_look_timer();
  consider_checkpoint();
  if (observer_ != nullptr) observer_->on_durable();
}

void Engine::fail(Error error) {
  if (failure_) return;
  failure_ = error;
  log::error("{}", error.message());
  writer_.fail();
  feeder_.progress().notify_all();
  if (options_.on_failed) options_.on_failed(std::move(error));
}

// With storage.soft_timeout_s set, or if the store refuses the segment, whoever waits now is told.
// It is sent again and again all the same.
void Engine::on_trouble() {
  ++troubles_;
  writer_.progress().notify_all();
}

void Engine::arm_commit_timer() {
  commit_timer_set_ = true;
  commit_timer_ = access_.runtime.timers.schedule(options_.commit_interval, [this] {
    commit_timer_set_ = false;
    if (failure_ || stopping_ || open_.empty()) return;
    if (writer_.has_room(open_.bytes())) {
      seal(false);
    } else {
      arm_commit_timer();
    }
  });
}

// A writer that never looked could outrun its successor for ever: it is fenced by the slot that the
// successor takes, but a successor only gets there when the log stands still for a moment.
void Engine::arm_look_timer() {
  look_timer_set_ = true;
  look_timer_ = access_.runtime.timers.schedule(kManifestLook, [this] {
    look_timer_set_ = false;
    if (failure_ || stopping_ || !committed_since_look_) return;
    committed_since_look_ = false;
    look().detach();
  });
}

Task<> Engine::look() {
  if (!rule(Rule::kLook) || !background_.enter()) co_return;
  auto ours = co_await checkpointer_.look();
  const bool gone = !ours && is(ours.error(), EngineErrc::kLost);
  if (gone) {
    fail(ours.error());
  } else if (ours && !*ours) {
    fail(fenced());
  }
  background_.leave();
}

Task<> Engine::sweep() {
  if (!background_.enter()) co_return;
  auto swept = co_await checkpointer_.sweep();
  if (!swept && !stopping_) log::warn("left-over objects stay: {}", swept.error().message());
  background_.leave();
}

void Engine::consider_checkpoint() {
  if (checkpointing_ || stopping_ || failure_) return;
  if (batch_bytes_since_checkpoint_ < options_.checkpoint_batch_bytes &&
      segments_since_checkpoint_ < options_.checkpoint_segments) {
    return;
  }
  run_checkpoint().detach();
}

Task<> Engine::run_checkpoint() {
  if (!background_.enter()) co_return;
  auto done = co_await checkpoint();
  if (!done && !failure_ && !stopping_) {
    log::warn("a checkpoint failed and will be tried again: {}", done.error().message());
  }
  if (done && !stopping_ && !failure_) {
    auto reaped = co_await reaper_.run(checkpointer_.checkpoint().next_seq);
    if (!reaped && !failure_ && !stopping_) {
      log::warn("dead segments stay for now: {}", reaped.error().message());
    }
  }
  background_.leave();
}

Task<Result<void>> Engine::checkpoint() {
  if (failure_) co_return *failure_;
  if (options_.read_only) co_return Error(EngineErrc::kReadOnly, "");
  if (checkpointing_) co_return Error(EngineErrc::kStopped, "a checkpoint is under way");
  checkpointing_ = true;
  batch_bytes_since_checkpoint_ = 0;
  segments_since_checkpoint_ = 0;
  auto done = co_await checkpointer_.run();
  checkpointing_ = false;
  if (done) ++checkpoints_;
  co_return done;
}

Task<Result<void>> Engine::stop() {
  // A store that is away for a moment is waited for: whoever stops us makes it give up in the end.
  Result<void> synced;
  bool again = !options_.read_only && !failure_;
  while (again) {
    synced = co_await sync(open_segment());
    again = !synced && is(synced.error(), EngineErrc::kUnavailable) && !failure_;
  }
  stopping_ = true;
  reaper_.stop();
  if (commit_timer_set_) access_.runtime.timers.cancel(commit_timer_);
  if (look_timer_set_) access_.runtime.timers.cancel(look_timer_);
  commit_timer_set_ = look_timer_set_ = true;  // none is armed any more
  co_await writer_.drain();
  co_await feeder_.stop();
  co_await background_.close();
  co_await frames_.stop();
  if (failure_) co_return *failure_;
  co_return synced;
}

EngineStats Engine::stats() {
  return {.epoch = opened_.tip.epoch,
          .open_segment = open_segment(),
          .durable_end = durable_end(),
          .log_start = checkpointer_.checkpoint().next_seq,
          .segments_in_flight = writer_.in_flight(),
          .bytes_in_flight = writer_.in_flight_bytes(),
          .open_bytes = open_.arena->size() + open_.batch_bytes,
          .overlay_bytes = metadata_.overlay().bytes(),
          .index_disk_bytes = access_.index.disk_bytes(),
          .checkpoints = checkpoints_,
          .segments_deleted = reaper_.deleted(),
          .replayed = opened_.replayed,
          .index_rebuilt = opened_.rebuilt,
          .link_bytes_per_second = writer_.link().bytes_per_second(),
          .syncs_waiting = syncs_waiting_,
          .writers_waiting = writers_waiting_,
          .reads_waiting = frames_.reads_waiting(),
          .index_disk_full = feeder_.disk_full(),
          .failed = failure_.has_value()};
}

}  // namespace cairn::engine
