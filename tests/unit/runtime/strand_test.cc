#include "fsd/runtime/strand.h"

#include <gtest/gtest.h>

#include <future>

#include "fsd/runtime/await.h"
#include "fsd/runtime/real_runtime.h"

namespace cairn {
namespace {

class ManualExecutor final : public Executor {
 public:
  void post(Work work) override { queue.push_back(std::move(work)); }
  void run() {
    auto work = std::move(queue);
    queue.clear();
    for (auto& w : work) w();
  }
  std::vector<Work> queue;
};

TEST(Strand, RunsInlineWhenFreeAndWakesNobody) {
  ManualExecutor backstop;
  Strand strand(backstop);
  bool ran = false;
  strand.dispatch([&] { ran = strand.inside(); });
  EXPECT_TRUE(ran);
  EXPECT_TRUE(backstop.queue.empty());
  EXPECT_FALSE(strand.inside());
}

TEST(Strand, NestedWorkRunsAfterTheOneThatBroughtIt) {
  ManualExecutor backstop;
  Strand strand(backstop);
  std::string order;
  strand.dispatch([&] {
    strand.dispatch([&] { order += 'b'; });
    order += 'a';
  });
  EXPECT_EQ(order, "ab");
}

TEST(Strand, HandsALongQueueToTheBackstop) {
  ManualExecutor backstop;
  Strand strand(backstop);
  int ran = 0;
  strand.dispatch([&] {
    for (int i = 0; i < 100; ++i) {
      strand.dispatch([&] {
        ++ran;
        if (ran <= 100) strand.dispatch([&] { ++ran; });
      });
    }
  });
  EXPECT_EQ(ran, Strand::kDrainMax);
  ASSERT_EQ(backstop.queue.size(), 1U);
  while (!backstop.queue.empty()) backstop.run();
  EXPECT_EQ(ran, 200);
}

TEST(Strand, WhoeverBringsWorkRunsNoMoreThanItWants) {
  ManualExecutor backstop;
  Strand strand(backstop);
  int ran = 0;
  const auto bring = [&](int drain_max) {
    strand.dispatch(
        [&] {
          ++ran;
          for (int i = 0; i < 5; ++i) strand.dispatch([&] { ++ran; });
        },
        drain_max);
  };
  bring(0);
  EXPECT_EQ(ran, 1);
  ASSERT_EQ(backstop.queue.size(), 1U);
  strand.dispatch([&] { ++ran; });  // waits for its turn
  EXPECT_EQ(ran, 1);
  backstop.run();
  EXPECT_EQ(ran, 7);
  bring(2);
  EXPECT_EQ(ran, 10);
  backstop.run();
  EXPECT_EQ(ran, 13);
  EXPECT_TRUE(backstop.queue.empty());
}

TEST(Strand, ThreadsNeverOverlap) {
  RealRuntime real({.io_threads = 2, .pool_threads = 2});
  Strand& core = real.runtime().core;
  std::uint64_t count = 0;  // no lock: the strand is one
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) core.dispatch([&] { ++count; });
    });
  }
  for (auto& thread : threads) thread.join();
  std::promise<std::uint64_t> total;
  core.post([&] { total.set_value(count); });
  EXPECT_EQ(total.get_future().get(), 40'000U);
}

}  // namespace
}  // namespace cairn
