#include "fsd/engine/reaper.h"

#include <vector>

#include "fsd/format/keys.h"
#include "fsd/format/names.h"
#include "fsd/runtime/await.h"

namespace cairn::engine {
namespace {

constexpr std::size_t kAtOnce = 16;
constexpr std::size_t kRoundMax = 4096;

struct Doomed {
  Seq death;
  Seq segment;
};

}  // namespace

Task<> Reaper::wait_grace() {
  if (stopped_ || grace_ <= Duration{0}) co_return;
  waiting_ = true;
  timer_ = runtime_.timers.schedule(grace_, [this] {
    waiting_ = false;
    waited_.notify_all();
  });
  co_await waited_.wait();
}

void Reaper::stop() {
  stopped_ = true;
  if (!waiting_) return;
  runtime_.timers.cancel(timer_);
  waiting_ = false;
  waited_.notify_all();
}

Task<Result<void>> Reaper::remove_all(std::vector<Seq> segments) {
  for (std::size_t i = 0; i < segments.size() && !stopped_; i += kAtOnce) {
    std::vector<Task<Result<void>>> removals;
    for (std::size_t k = i; k < std::min(segments.size(), i + kAtOnce); ++k) {
      removals.push_back(store_.remove(format::log_name(segments[k])));
    }
    std::optional<Error> failed;
    for (auto& removal : removals) {
      auto done = co_await removal;
      if (!done) failed = done.error();
    }
    if (failed) co_return *failed;
  }
  co_return Result<void>();
}

// Rounds one at a time: checkpoints follow each other faster than the grace time, and two rounds
// would delete the same segments and wait on the same timer.
Task<Result<void>> Reaper::run(Seq log_start) {
  wanted_ = std::max(wanted_, log_start);
  if (running_) co_return Result<void>();
  running_ = true;
  Result<void> done;
  Seq reaped;
  while (done && !stopped_ && reaped < wanted_) {
    reaped = wanted_;
    done = co_await round(reaped);
  }
  running_ = false;
  co_return done;
}

Task<Result<void>> Reaper::round(Seq log_start) {
  std::vector<Doomed> doomed;
  CO_TRY_OK(volume_.scan(format::doomed_key(Seq(), Seq()), format::doomed_key(log_start, Seq()),
                         [&](std::string_view key, std::string_view) {
                           if (!format::is_key(key, format::KeyKind::kDoomed, 2)) return true;
                           const Doomed one{.death = Seq(format::key_u64(key, 0)),
                                            .segment = Seq(format::key_u64(key, 1))};
                           if (one.segment < log_start) doomed.push_back(one);
                           return doomed.size() < kRoundMax;
                         }));
  // Reads that began before the death may still be under way.
  if (!doomed.empty()) co_await wait_grace();
  if (stopped_) co_return Result<void>();
  std::vector<Seq> segments;
  for (const Doomed& one : doomed) segments.push_back(one.segment);
  const bool with_gap = gap_end_ <= log_start;
  if (with_gap) {
    for (Seq seq = gap_first_; seq < gap_end_; seq = seq.next()) segments.push_back(seq);
  }
  CO_TRY_OK(co_await remove_all(std::move(segments)));
  if (with_gap && !stopped_) gap_first_ = gap_end_ = Seq();
  if (stopped_ || doomed.empty()) co_return Result<void>();
  CO_TRY_OK(co_await volume_.admit(0));
  for (const Doomed& one : doomed) {
    volume_.erase(format::doomed_key(one.death, one.segment));
    volume_.erase(format::segment_key(one.segment));
    volume_.erase(format::frames_key(one.segment));
  }
  deleted_ += doomed.size();
  co_return Result<void>();
}

}  // namespace cairn::engine
