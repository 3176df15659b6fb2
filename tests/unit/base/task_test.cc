#include "fsd/base/task.h"

#include <gtest/gtest.h>

#include "fsd/base/result.h"
#include "fsd/runtime/await.h"

namespace cairn {
namespace {

Task<int> add_one(OneShot<int>& event) {
  const int value = co_await event;
  co_return value + 1;
}
Task<int> twice(OneShot<int>& event) {
  const int value = co_await add_one(event);
  co_return value * 2;
}
Task<int> ready() { co_return 1; }
Task<long> sum_of_ready(int count) {
  long sum = 0;
  for (int i = 0; i < count; ++i) sum += co_await ready();
  co_return sum;
}
Task<Result<int>> fails() { co_return errno_error(2); }
Task<Result<int>> passes_on() {
  CO_TRY(const int value, co_await fails());
  co_return value;
}

TEST(Task, RunsInlineUntilItHasToWait) {
  OneShot<int> event;
  auto task = twice(event);
  EXPECT_FALSE(task.done());
  event.set(20);
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.take(), 42);
}

TEST(Task, AwaitsAMillionReadyTasksWithoutGrowingTheStack) {
  EXPECT_EQ(sum_of_ready(1'000'000).take(), 1'000'000);
}

TEST(Task, PassesErrorsOn) {
  auto task = passes_on();
  EXPECT_EQ(to_errno(task.take().error()), 2);
}

TEST(Task, DetachedRunsOnAndFreesItself) {
  OneShot<int> event;
  twice(event).detach();
  event.set(1);
}

}  // namespace
}  // namespace cairn
