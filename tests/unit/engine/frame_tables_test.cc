#include "fsd/engine/frame_tables.h"

#include <gtest/gtest.h>

#include "fsd/engine/volume.h"

namespace cairn::engine {
namespace {

class FrameTablesTest : public ::testing::Test {
 protected:
  Result<FrameTables::Table> look_up(Seq segment) {
    ++lookups_;
    if (failing_) return Error(EngineErrc::kDamaged, "as the test wants it");
    format::FrameTable table;
    table.seq = segment;
    table.frames.resize(1000);
    return std::make_shared<const format::FrameTable>(std::move(table));
  }
  int lookups_ = 0;
  bool failing_ = false;
  FrameTables tables_{[this](Seq segment) { return look_up(segment); }, 100'000};
};

TEST_F(FrameTablesTest, LooksATableUpOnce) {
  EXPECT_EQ(tables_.get(Seq(3)).value()->seq, Seq(3));
  EXPECT_EQ(tables_.get(Seq(3)).value()->seq, Seq(3));
  EXPECT_EQ(lookups_, 1);
}

TEST_F(FrameTablesTest, KeepsToItsBoundAndDropsTheOneUsedLongestAgo) {
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    (void)tables_.get(Seq(i)).value();
    (void)tables_.get(Seq(1)).value();
    ASSERT_LE(tables_.bytes(), 100'000U);
  }
  EXPECT_EQ(lookups_, 1000);  // the first one was always in use
  (void)tables_.get(Seq(2)).value();
  EXPECT_EQ(lookups_, 1001);
}

TEST_F(FrameTablesTest, AFailureIsNotRemembered) {
  failing_ = true;
  EXPECT_FALSE(tables_.get(Seq(1)));
  failing_ = false;
  EXPECT_TRUE(tables_.get(Seq(1)));
}

}  // namespace
}  // namespace cairn::engine
