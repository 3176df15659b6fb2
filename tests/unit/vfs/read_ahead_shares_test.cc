#include "fsd/vfs/read_ahead_shares.h"

#include <gtest/gtest.h>

#include <utility>

namespace cairn::vfs {
namespace {

constexpr std::uint64_t kTotal = 1000;

class Shares : public testing::Test {
 protected:
  using Reader = std::shared_ptr<ReadAheadShares::Reader>;

  void ask(Reader& reader, std::uint64_t bytes = 1, bool is_last = false) {
    shares.on_ask(reader, bytes, is_last, kTotal);
  }
  [[nodiscard]] std::uint64_t share() const { return shares.share_of(kTotal); }

  ReadAheadShares shares;
  Reader one;
  Reader other;
};

TEST_F(Shares, OneReaderHasAllOfIt) {
  EXPECT_EQ(share(), kTotal);
  ask(one);
  ask(one);
  EXPECT_EQ(share(), kTotal);
}

TEST_F(Shares, TwoHaveHalfEach) {
  ask(one);
  ask(other);
  EXPECT_EQ(share(), kTotal / 2);
}

TEST_F(Shares, WhoHasAskedForTheEndNeedsNoMore) {
  ask(one);
  ask(other);
  ask(one, 1, true);
  ask(other);
  EXPECT_EQ(share(), kTotal);
  ask(one);  // reads it again
  EXPECT_EQ(share(), kTotal / 2);
}

TEST_F(Shares, WhoGoesLeavesItsShare) {
  ask(one);
  ask(other);
  one.reset();
  ask(other);
  EXPECT_EQ(share(), kTotal);
}

TEST_F(Shares, WhoHasNotAskedForLongDoesNotCount) {
  ask(one);
  ask(other, kTotal);
  EXPECT_EQ(share(), kTotal / 2);
  ask(other);
  EXPECT_EQ(share(), kTotal);
  ask(one);
  EXPECT_EQ(share(), kTotal / 2);
}

TEST_F(Shares, AReaderOutlivesThem) {
  ReadAheadShares(std::move(shares)).on_ask(one, 1, false, kTotal);
  EXPECT_NE(one, nullptr);
}

}  // namespace
}  // namespace cairn::vfs
