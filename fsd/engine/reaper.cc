#include "fsd/engine/reaper.h"

// What is dead goes once. A gap is looked at again. A predecessor that slept through its
// successor's take-over (a suspended laptop, an idle daemon that lost its network) finds out by its
// next commit: the put at the epoch-start's number is refused, but those that it sent side by side
// with it land in the gap, up to a window of them. If that happens after the round that deleted the
// gap, nothing would ever name them. So the records of a gap are not forgotten but put off: each
// time to a death twice as far from the segment as the log's start is by then. That is a DELETE per
// number whenever the log since the take-over has doubled, some eleven times in all, in rounds that
// take place anyway: an idle volume still makes no requests, and what is left over while it idles
// is at most a window of objects for each predecessor that woke.
//
// It is safe. Like everything here, a number is deleted only below the start of the log of a
// manifest that was surely written. And it could be at any time: that an epoch-start stands in the
// log means that the log goes on behind its gap, for everybody and for ever; no segment of the log
// ever gets a number in it, epoch-starts never stand there, and no 412 is read back from there but
// by the predecessor, who is fenced already. A round that belongs to a daemon which is itself
// superseded, or whose DELETE arrives late, therefore takes nothing that anybody needs.

#include <algorithm>

#include "fsd/engine/protocol_rules.h"
#include "fsd/format/keys.h"
#include "fsd/format/names.h"
#include "fsd/runtime/await.h"

namespace cairn::engine {
namespace {

constexpr std::size_t kAtOnce = 16;
// A round waits for the grace time once: it must be able to delete what hundreds of commits in a
// second leave behind in it.
constexpr std::size_t kRoundMax = 1U << 16;
constexpr std::size_t kForgottenAtOnce = 512;    // in one transaction
constexpr std::uint64_t kGapWatched = 1U << 20;  // segments after it

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
    CO_TRY_OK(co_await await_all(std::move(removals)));
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
    auto more = co_await round(reaped);
    while (more && *more && !stopped_) more = co_await round(reaped);
    if (!more) done = more.error();
  }
  running_ = false;
  co_return done;
}

Result<std::vector<Reaper::Doomed>> Reaper::find_doomed(Seq log_start) {
  std::vector<Doomed> doomed;
  const bool bounded = rule(Rule::kDeleteBelow) && rule(Rule::kDeathBelow);
  const Seq died_before = bounded ? log_start : volume_.open_segment();
  TRY_OK(volume_.scan(format::doomed_key(Seq(), Seq()), format::doomed_key(died_before, Seq()),
                      [&](std::string_view key, std::string_view value) {
                        if (!format::is_key(key, format::KeyKind::kDoomed, 2)) return true;
                        const Doomed one{.death = Seq(format::key_u64(key, 0)),
                                         .segment = Seq(format::key_u64(key, 1)),
                                         .in_gap = value == format::kDoomedInGap};
                        if (one.segment < log_start || !rule(Rule::kDeleteBelow)) {
                          doomed.push_back(one);
                        }
                        return doomed.size() < kRoundMax;
                      }));
  return doomed;
}

/// In the running transaction: the records of what has been deleted.
void Reaper::forget(std::span<const Doomed> deleted, Seq log_start) {
  for (const Doomed& one : deleted) {
    volume_.erase(format::doomed_key(one.death, one.segment));
    if (one.in_gap) {
      look_again_later(one, log_start);
      continue;
    }
    ++deleted_;
    volume_.erase(format::segment_key(one.segment));
    volume_.erase(format::frames_key(one.segment));
  }
}

void Reaper::look_again_later(const Doomed& one, Seq log_start) {
  const std::uint64_t distance = log_start.value() - one.segment.value();
  if (distance > kGapWatched) return;
  volume_.put(format::doomed_key(Seq(log_start.value() + distance), one.segment),
              format::kDoomedInGap);
}

/// True: there was more than one round takes.
Task<Result<bool>> Reaper::round(Seq log_start) {
  CO_TRY(const std::vector<Doomed> doomed, find_doomed(log_start));
  // Reads that began before the death may still be under way.
  if (!doomed.empty()) co_await wait_grace();
  for (std::size_t i = 0; i < doomed.size() && !stopped_; i += kForgottenAtOnce) {
    const auto some = std::span(doomed).subspan(i, std::min(kForgottenAtOnce, doomed.size() - i));
    std::vector<Seq> segments;
    for (const Doomed& one : some) segments.push_back(one.segment);
    CO_TRY_OK(co_await remove_all(std::move(segments)));
    if (stopped_) break;
    CO_TRY_OK(co_await volume_.admit(0));
    forget(some, log_start);
  }
  co_return !stopped_ && doomed.size() == kRoundMax;
}

}  // namespace cairn::engine
