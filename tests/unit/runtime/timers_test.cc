#include "fsd/runtime/timers.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

#include "fsd/runtime/real_runtime.h"

namespace cairn {
namespace {

using namespace std::chrono_literals;

class RealTimers : public ::testing::Test {
 protected:
  /// Runs `work` in the core and waits for what it, or a timer of its, answers.
  std::string in_core(std::function<void()> work) {
    auto answer = answer_.get_future();
    runtime_.runtime().core.dispatch([work = std::move(work)] { work(); });
    return answer.get();
  }
  Timers::Token after(Duration duration, std::function<void()> work) {
    return runtime_.runtime().timers.schedule(duration, [work = std::move(work)] { work(); });
  }
  void answer(std::string text) { answer_.set_value(std::move(text)); }

  std::promise<std::string> answer_;
  std::string order_;
  RealRuntime runtime_{{.io_threads = 2, .pool_threads = 1}};
};

TEST_F(RealTimers, FireInTheOrderOfTheirMoments) {
  EXPECT_EQ(in_core([this] {
              after(60s, [this] { order_ += "never"; });
              after(1ms, [this] { order_ += 'a'; });
              after(2ms, [this] { answer(order_ + "b"); });
            }),
            "ab");
}

TEST_F(RealTimers, OfOneMomentFireInTheOrderTheyWereMade) {
  EXPECT_EQ(in_core([this] {
              for (const char name : {'a', 'b', 'c'}) {
                after(0ms, [this, name] { order_ += name; });
              }
              after(5ms, [this] { answer(order_); });
            }),
            "abc");
}

TEST_F(RealTimers, DoNotRunOnceTheyAreCancelled) {
  EXPECT_EQ(in_core([this] {
              const auto first = after(1ms, [this] { order_ += 'x'; });
              after(10ms, [this] { answer(order_ + "end"); });
              EXPECT_TRUE(runtime_.runtime().timers.cancel(first));
              EXPECT_FALSE(runtime_.runtime().timers.cancel(first));
            }),
            "end");
}

TEST_F(RealTimers, TellThatTheyHaveRunWhenCancelledTooLate) {
  EXPECT_EQ(in_core([this] {
              const auto first = after(0ms, [this] { order_ += 'a'; });
              after(5ms, [this, first] {
                answer(order_ + (runtime_.runtime().timers.cancel(first) ? "yes" : "no"));
              });
            }),
            "ano");
}

TEST_F(RealTimers, MadeByATimerFireEvenBeforeThoseThatWait) {
  EXPECT_EQ(in_core([this] {
              after(60s, [this] { order_ += "never"; });
              after(1ms, [this] {
                order_ += 'a';
                after(0ms, [this] { answer(order_ + "b"); });
              });
            }),
            "ab");
}

TEST_F(RealTimers, GoOnAfterOneThatWasMovedEarlierAndCancelled) {
  EXPECT_EQ(in_core([this] {
              after(20ms, [this] { answer("late"); });
              runtime_.runtime().timers.cancel(after(1ms, [this] { order_ += 'x'; }));
            }),
            "late");
  EXPECT_EQ(order_, "");
}

}  // namespace
}  // namespace cairn
