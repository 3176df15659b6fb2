#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>

#include "fsd/base/check.h"
#include "fsd/base/task.h"
#include "fsd/runtime/runtime.h"

namespace cairn::testing {

/// xoshiro256**, seeded: the same seed draws the same numbers on every machine.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  void fill(MutableByteView bytes) override;
  /// True once in `n` draws, on average; never for 0.
  [[nodiscard]] bool one_in(std::uint64_t n) { return n != 0 && below(n) == 0; }

 private:
  std::uint64_t step();
  std::array<std::uint64_t, 4> state_{};
};

/// A Runtime without threads: one queue of events in virtual time. Which of the events that are
/// ready at one moment comes first is drawn from the seed, so one seed is one exact history and
/// another seed is another interleaving.
///
/// What is posted to the pool runs a little later, in any order; to `indexing`, a little later and
/// in the order of posting; timers fire at their exact moment, in any order among equals. Time
/// moves only when nothing is ready.
///
/// Lifetime: outlives all that uses its Runtime; what is still queued at the end is dropped.
/// Threads: the test's only.
class SimRuntime {
 public:
  struct Options {
    Duration pool_delay_max = std::chrono::microseconds(200);
    Duration wall_start = std::chrono::seconds(1'800'000'000);
    std::uint64_t wait_events_max = 50'000'000;  // wait() takes more for a livelock
  };
  explicit SimRuntime(std::uint64_t seed) : SimRuntime(seed, Options()) {}
  SimRuntime(std::uint64_t seed, Options options);
  SimRuntime(const SimRuntime&) = delete;
  SimRuntime& operator=(const SimRuntime&) = delete;

  [[nodiscard]] Runtime& runtime() { return runtime_; }
  /// Draws that belong to the test, apart from those that the code under test makes.
  [[nodiscard]] SeededRandom& random() { return test_random_; }
  [[nodiscard]] Duration now() const { return now_; }
  /// Lets the wall clock jump, as an administrator or NTP does.
  void jump_wall(Duration by) { wall_offset_ += by; }

  /// Runs the next event, letting time go on if none is ready. False: there is none at all.
  bool run_one();
  /// Runs all that can happen without time going on.
  void run_ready();
  /// Runs until there is nothing left, timers included. CHECKs that this comes to an end.
  void run_until_idle();
  /// Lets `duration` go by, and all that happens in it.
  void run_for(Duration duration);

  /// Runs `work` in the core at once. Not to be called from within the core.
  void in_core(Work work);
  /// wait([&] { return store.get(...); }): begins the operation in the core and runs events until
  /// it is done. CHECKs that it ends. The function is no coroutine itself: it calls one.
  template <class F>
    requires std::is_invocable_v<F&>
  auto wait(F start);
  /// The same for an operation that has begun already (outside the core, if it was the argument).
  template <class T>
  T wait(Task<T> task);

  /// A digest of all that ran so far and of what was noted: equal for equal histories.
  [[nodiscard]] std::uint64_t history() const { return history_; }
  void note(std::uint64_t value);

 private:
  struct SimExecutor final : Executor {
    SimExecutor(SimRuntime& owner, bool ordered) : sim(owner), in_order(ordered) {}
    void post(Work work) override;
    SimRuntime& sim;
    bool in_order;
    std::deque<Work> queue;  // used when in_order: one event per entry, each takes the front
    Duration last{};         // used when in_order: when the last of them runs
  };
  struct SimTimers final : Timers {
    explicit SimTimers(SimRuntime& owner) : sim(owner) {}
    Token schedule(Duration after, Work work) override;
    bool cancel(Token token) override;
    SimRuntime& sim;
    std::map<Token, std::pair<Duration, std::uint64_t>> keys;
    Token last = 0;
  };
  struct SimClock final : Clock {
    explicit SimClock(SimRuntime& owner) : sim(owner) {}
    Duration monotonic() override { return sim.now_; }
    Duration wall() override { return sim.options_.wall_start + sim.wall_offset_ + sim.now_; }
    SimRuntime& sim;
  };
  using EventKey = std::pair<Duration, std::uint64_t>;  // when, and a drawn rank among equals

  EventKey add_event(Duration at, Work work);
  template <class T>
  T finish(Task<T> task);

  Options options_;
  SeededRandom order_random_;
  SeededRandom code_random_;
  SeededRandom test_random_;
  Duration now_ = std::chrono::seconds(1000);
  Duration wall_offset_{};
  std::map<EventKey, Work> events_;
  std::uint64_t history_ = 0;
  SimExecutor pool_{*this, false};
  SimExecutor indexing_{*this, true};
  SimExecutor backstop_{*this, true};
  SimTimers timers_{*this};
  SimClock clock_{*this};
  Strand core_{backstop_};
  Runtime runtime_{core_, pool_, indexing_, timers_, clock_, code_random_};
};

template <class T>
T SimRuntime::finish(Task<T> task) {
  for (std::uint64_t ran = 0; !task.done(); ++ran) {
    CHECK(ran < options_.wait_events_max);
    const bool something_can_still_happen = run_one();
    CHECK(something_can_still_happen);
  }
  return task.take();
}

template <class F>
  requires std::is_invocable_v<F&>
auto SimRuntime::wait(F start) {
  std::optional<std::invoke_result_t<F&>> task;
  in_core([&] { task.emplace(start()); });
  return finish(std::move(*task));
}

template <class T>
T SimRuntime::wait(Task<T> task) {
  return finish(std::move(task));
}

}  // namespace cairn::testing
