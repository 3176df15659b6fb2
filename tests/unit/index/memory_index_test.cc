#include "fsd/index/memory_index.h"

#include "tests/unit/index/index_fixture.h"

namespace cairn::index {
namespace {

TEST(MemoryIndex, AFullDiskRefusesChangesAndRecoversWhenThereIsRoom) {
  MemoryIndex index;
  const std::vector<Change> changes{put("a", "1")};
  index.set_full(true);
  EXPECT_THAT(index.apply(changes, {}, stamp_at(1)), FailsWith(IndexErrc::kFull));
  EXPECT_THAT(index.clear(), FailsWith(IndexErrc::kFull));
  EXPECT_EQ(index.snapshot().value()->stamp(), Stamp{});
  index.set_full(false);
  EXPECT_THAT(index.apply(changes, {}, stamp_at(1)), Succeeds());
}

TEST(MemoryIndex, ACrashKeepsWhatWasAppliedAndUndoesTheEndOfAnUnfinishedLoad) {
  MemoryIndex index;
  const std::vector<Change> changes{put("a", "1")};
  ASSERT_THAT(index.apply(changes, {}, stamp_at(1)), Succeeds());
  index.crash();
  EXPECT_EQ(index.snapshot().value()->stamp(), stamp_at(1));
  EXPECT_EQ(index.snapshot().value()->find("a").value(), "1");

  ASSERT_THAT(index.clear(), Succeeds());
  ASSERT_THAT(index.load(changes), Succeeds());
  index.crash();
  EXPECT_EQ(index.snapshot().value()->stamp(), Stamp{});
}

TEST(MemoryIndex, DamageIsSeenByEveryReaderAndMendedByClearing) {
  MemoryIndex index;
  const auto snapshot = index.snapshot().value();
  index.set_damaged(true);
  EXPECT_THAT(snapshot->find("a"), FailsWith(IndexErrc::kDamaged));
  EXPECT_THAT(snapshot->renew(), FailsWith(IndexErrc::kDamaged));
  EXPECT_THAT(index.snapshot(), FailsWith(IndexErrc::kDamaged));
  ASSERT_THAT(index.clear(), Succeeds());
  EXPECT_THAT(index.snapshot(), Succeeds());
}

}  // namespace
}  // namespace cairn::index
