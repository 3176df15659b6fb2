#include "fsd/frontends/fuse/lock_waits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn::fuse {
namespace {

using ::testing::ElementsAre;

TEST(LockWaits, an_interrupt_ends_the_wait_that_it_names) {
  LockWaits waits(1, 10);
  ASSERT_TRUE(waits.begin(5, 0));
  ASSERT_TRUE(waits.begin(6, 0));
  EXPECT_FALSE(waits.interrupted(5));
  EXPECT_TRUE(waits.interrupt(5));
  EXPECT_TRUE(waits.interrupted(5));
  EXPECT_FALSE(waits.interrupted(6));
}

TEST(LockWaits, an_interrupt_that_comes_first_is_remembered_once) {
  LockWaits waits(1, 10);
  EXPECT_FALSE(waits.interrupt(5));
  ASSERT_TRUE(waits.begin(5, 0));
  EXPECT_TRUE(waits.interrupted(5));
  waits.end(5);
  ASSERT_TRUE(waits.begin(5, 0));
  EXPECT_FALSE(waits.interrupted(5));
}

TEST(LockWaits, only_the_last_interrupts_are_remembered) {
  LockWaits waits(1, 10);
  for (std::uint64_t i = 0; i < LockWaits::kEarlyMax + 1; ++i) EXPECT_FALSE(waits.interrupt(i));
  ASSERT_TRUE(waits.begin(0, 0));
  EXPECT_FALSE(waits.interrupted(0));
  ASSERT_TRUE(waits.begin(1, 0));
  EXPECT_TRUE(waits.interrupted(1));
}

TEST(LockWaits, each_lane_takes_so_many_and_no_more) {
  LockWaits waits(2, 2);
  EXPECT_TRUE(waits.begin(1, 0));
  EXPECT_TRUE(waits.begin(2, 0));
  EXPECT_FALSE(waits.begin(3, 0));
  EXPECT_TRUE(waits.begin(3, 1));
  waits.end(1);
  EXPECT_TRUE(waits.begin(4, 0));
  EXPECT_FALSE(waits.begin(5, 2)) << "lanes past the last one wrap around";
}

TEST(LockWaits, at_the_end_all_are_interrupted_and_so_are_those_that_come_later) {
  LockWaits waits(1, 10);
  ASSERT_TRUE(waits.begin(9, 0));
  ASSERT_TRUE(waits.begin(4, 0));
  EXPECT_THAT(waits.interrupt_all(), ElementsAre(4, 9));
  EXPECT_TRUE(waits.interrupted(9));
  ASSERT_TRUE(waits.begin(11, 0));
  EXPECT_TRUE(waits.interrupted(11));
}

}  // namespace
}  // namespace cairn::fuse
