#include "fsd/engine/index_feeder.h"

#include "fsd/base/log.h"
#include "fsd/engine/limits.h"

namespace cairn::engine {
namespace {

constexpr std::size_t kDropAtOnce = 2000;

std::vector<index::Change> merge(const std::vector<DurableSegment>& segments) {
  std::vector<const ChangeSet*> sets;
  for (const DurableSegment& segment : segments) sets.push_back(&segment.changes);
  return newest_changes(sets);
}

}  // namespace

void append_key(std::string& keys, std::string_view key) {
  keys.push_back(static_cast<char>(key.size() & 0xFF));
  keys.push_back(static_cast<char>(key.size() >> 8));
  keys.append(key);
}

void for_each_key(std::string_view keys, const std::function<void(std::string_view)>& visit) {
  while (!keys.empty()) {
    const std::size_t length = static_cast<std::uint8_t>(keys[0]) |
                               static_cast<std::size_t>(static_cast<std::uint8_t>(keys[1])) << 8;
    visit(keys.substr(2, length));
    keys.remove_prefix(2 + length);
  }
}

IndexFeeder::IndexFeeder(Runtime& runtime, index::Index& index, Metadata& metadata,
                         std::string volume, std::function<void(Error)> on_failed)
    : runtime_(runtime),
      index_(index),
      metadata_(metadata),
      volume_(std::move(volume)),
      on_failed_(std::move(on_failed)) {}

void IndexFeeder::add(DurableSegment segment) {
  queued_bytes_ += segment.bytes();
  queue_.push_back(std::move(segment));
  schedule();
}

void IndexFeeder::hurry() {
  if (running_ || paused_ || stopped_ || queue_.empty()) return;
  if (timer_set_) {
    runtime_.timers.cancel(timer_);
    timer_set_ = false;
  }
  run().detach();
}

void IndexFeeder::schedule() {
  if (running_ || paused_ || stopped_ || queue_.empty()) return;
  if (queued_bytes_ >= kApplyBytes) return hurry();
  if (timer_set_) return;
  timer_set_ = true;
  timer_ = runtime_.timers.schedule(kApplyDelay, [this] {
    timer_set_ = false;
    hurry();
  });
}

Task<> IndexFeeder::run() {
  running_ = true;
  auto segments = std::make_shared<std::vector<DurableSegment>>();
  std::size_t bytes = 0;
  while (!queue_.empty() && bytes < 2 * kApplyBytes) {
    bytes += queue_.front().bytes();
    segments->push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  const bool applied = co_await apply(segments);
  if (applied) {
    applied_ = segments->back().after;
    for (const DurableSegment& segment : *segments) {
      for (const auto& entry : segment.changes.entries()) append_key(changed_keys_, entry.key);
    }
    co_await drop_from_overlay(segments);
  }
  queued_bytes_ -= bytes;
  running_ = false;
  progress_.notify_all();
  schedule();
}

Task<bool> IndexFeeder::apply(std::shared_ptr<std::vector<DurableSegment>> segments) {
  using Snapshot = Result<std::unique_ptr<index::Snapshot>>;
  const index::Stamp from{.volume = volume_, .position = format::encode(applied_)};
  const index::Stamp to{.volume = volume_, .position = format::encode(segments->back().after)};
  while (!stopped_) {
    index::Index& index = index_;
    auto work = [&index, segments, &from, &to]() -> Snapshot {
      auto done = index.apply(merge(*segments), from, to);
      if (!done) return done.error();
      return index.snapshot();
    };
    Snapshot snapshot = co_await RunOn(runtime_.indexing, runtime_.core, std::move(work));
    if (snapshot) {
      metadata_.set_snapshot(std::move(*snapshot));
      if (disk_full_) log::info("the local disk has room again; the index goes on");
      disk_full_ = false;
      co_return true;
    }
    if (!is(snapshot.error(), index::IndexErrc::kFull)) {
      stopped_ = true;
      on_failed_(snapshot.error());
      co_return false;
    }
    if (!disk_full_) {
      log::error("the local disk is full ({}); writers wait until there is room again",
                 snapshot.error().message());
    }
    disk_full_ = true;
    progress_.notify_all();  // who stops the daemon does not wait for room
    if (stopped_) break;
    co_await SleepFor(runtime_.timers, seconds(1));
  }
  co_return false;
}

Task<> IndexFeeder::drop_from_overlay(std::shared_ptr<std::vector<DurableSegment>> segments) {
  std::size_t dropped = 0;
  const Seq newest = segments->back().seq;
  for (const DurableSegment& segment : *segments) {
    for (const auto& entry : segment.changes.entries()) {
      metadata_.overlay().drop(entry.key, newest);
      // Others get their turn: the core must not be held up.
      if (++dropped % kDropAtOnce == 0) co_await SleepFor(runtime_.timers, Duration{0});
    }
  }
}

Task<bool> IndexFeeder::pause() {
  // What waits now goes in first; what comes meanwhile need not, or it would never come to a pause.
  hurry();
  while (!stopped_ && (running_ || paused_)) co_await progress_.wait();
  if (stopped_) co_return false;
  paused_ = true;
  co_return true;
}

void IndexFeeder::resume() {
  paused_ = false;
  progress_.notify_all();
  schedule();
}

Task<> IndexFeeder::stop() {
  // What waits is in the log; but a start is quicker if it is in the index as well.
  // On a full disk it would wait for ever.
  while (!stopped_ && !disk_full_ && (running_ || paused_ || !queue_.empty())) {
    hurry();
    if (running_ || paused_) co_await progress_.wait();
  }
  stopped_ = true;
  if (timer_set_) runtime_.timers.cancel(timer_);
  while (running_) co_await progress_.wait();
}

}  // namespace cairn::engine
