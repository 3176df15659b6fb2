#include "tests/support/sim_runtime.h"

#include <gtest/gtest.h>

#include <string>

#include "fsd/runtime/await.h"

namespace cairn::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Task<int> sleep_then(Runtime& runtime, Duration duration, int value) {
  co_await SleepFor(runtime.timers, duration);
  CHECK(runtime.core.inside());
  co_return value;
}

Task<int> square_in_pool(Runtime& runtime, int value) {
  const int squared = co_await RunOn(runtime.pool, runtime.core, [value] { return value * value; });
  CHECK(runtime.core.inside());
  co_return squared;
}

TEST(SimRuntime, AnHourOfSleepTakesNoTime) {
  SimRuntime sim(1);
  const Duration before = sim.now();
  EXPECT_EQ(sim.wait([&] { return sleep_then(sim.runtime(), std::chrono::hours(1), 7); }), 7);
  EXPECT_EQ(sim.now() - before, std::chrono::hours(1));
}

TEST(SimRuntime, BeginsAnOperationInTheCore) {
  SimRuntime sim(1);
  bool inside = false;
  sim.in_core([&] { inside = sim.runtime().core.inside(); });
  EXPECT_TRUE(inside);
  EXPECT_FALSE(sim.runtime().core.inside());
}

TEST(SimRuntime, ThePoolsResultArrivesInTheCore) {
  SimRuntime sim(1);
  EXPECT_EQ(sim.wait([&] { return square_in_pool(sim.runtime(), 12); }), 144);
}

TEST(SimRuntime, WaitsAlsoForWhatHasBegunAlready) {
  SimRuntime sim(1);
  EXPECT_EQ(sim.wait(sleep_then(sim.runtime(), seconds(1), 3)), 3);
}

std::string order_of_pool_jobs(std::uint64_t seed) {
  SimRuntime sim(seed);
  std::string order;
  for (char name = 'a'; name < 'k'; ++name) {
    sim.runtime().pool.post([&order, name] { order += name; });
  }
  sim.run_until_idle();
  return order;
}

TEST(SimRuntime, TheSeedChoosesTheOrderInThePool) {
  EXPECT_EQ(order_of_pool_jobs(5), order_of_pool_jobs(5));
  EXPECT_NE(order_of_pool_jobs(5), order_of_pool_jobs(6));
}

TEST(SimRuntime, TheIndexThreadKeepsTheOrderOfPosting) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimRuntime sim(seed);
    std::string order;
    for (char name = 'a'; name < 'k'; ++name) {
      sim.runtime().indexing.post([&order, name] { order += name; });
    }
    sim.run_until_idle();
    EXPECT_EQ(order, "abcdefghij");
  }
}

TEST(SimRuntime, ACancelledTimerNeverRuns) {
  SimRuntime sim(1);
  int ran = 0;
  Timers& timers = sim.runtime().timers;
  const auto first = timers.schedule(milliseconds(5), [&] { ran += 1; });
  const auto second = timers.schedule(milliseconds(5), [&] { ran += 10; });
  EXPECT_TRUE(timers.cancel(first));
  EXPECT_FALSE(timers.cancel(first));
  sim.run_until_idle();
  EXPECT_EQ(ran, 10);
  EXPECT_FALSE(timers.cancel(second));
}

TEST(SimRuntime, TimersFireAtTheirMoment) {
  SimRuntime sim(1);
  const Duration begin = sim.now();
  Duration fired{};
  sim.runtime().timers.schedule(milliseconds(30), [&] { fired = sim.now() - begin; });
  sim.run_for(milliseconds(29));
  EXPECT_EQ(fired, Duration::zero());
  sim.run_for(milliseconds(1));
  EXPECT_EQ(fired, milliseconds(30));
}

TEST(SimRuntime, TheWallClockJumpsAndTheMonotonicOneDoesNot) {
  SimRuntime sim(1);
  const Duration wall = sim.runtime().clock.wall();
  const Duration monotonic = sim.runtime().clock.monotonic();
  sim.jump_wall(-seconds(100));
  EXPECT_EQ(sim.runtime().clock.wall(), wall - seconds(100));
  EXPECT_EQ(sim.runtime().clock.monotonic(), monotonic);
}

TEST(SimRuntime, ALongQueueOfTheCoreGoesOverTheBackstop) {
  SimRuntime sim(1);
  int ran = 0;
  Strand& core = sim.runtime().core;
  sim.in_core([&] {
    for (int i = 0; i < 1000; ++i) {
      core.dispatch([&] {
        if (++ran <= 1000) core.dispatch([&] { ++ran; });
      });
    }
  });
  sim.run_until_idle();
  EXPECT_EQ(ran, 2000);
}

std::uint64_t history_of(std::uint64_t seed) {
  SimRuntime sim(seed);
  Runtime& runtime = sim.runtime();
  for (int i = 0; i < 50; ++i) {
    sim.in_core([&] { sleep_then(runtime, Duration(runtime.random.below(1000)), i).detach(); });
    sim.in_core([&] { square_in_pool(runtime, i).detach(); });
  }
  sim.run_until_idle();
  return sim.history();
}

TEST(SimRuntime, OneSeedIsOneHistory) {
  EXPECT_EQ(history_of(11), history_of(11));
  EXPECT_NE(history_of(11), history_of(12));
}

TEST(SimRuntimeDeathTest, AnOperationThatNeverEndsIsNoticed) {
  SimRuntime sim(1);
  Condition never;
  auto wait_for = [](Condition& condition) -> Task<> { co_await condition.wait(); };
  EXPECT_DEATH(sim.wait([&] { return wait_for(never); }), "something_can_still_happen");
}

}  // namespace
}  // namespace cairn::testing
