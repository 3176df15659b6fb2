#include "fsd/format/keys.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace cairn::format {
namespace {

TEST(Keys, StartWithTheirKindAndHoldBigEndianFields) {
  EXPECT_EQ(inode_key(Ino(0x0102)), std::string("i\0\0\0\0\0\0\1\2", 9));
  EXPECT_EQ(dirent_key(Ino(1), 2), std::string("d\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2", 17));
  EXPECT_EQ(xattr_key(Ino(1), "user.a"), std::string("x\0\0\0\0\0\0\0\1user.a", 15));
  EXPECT_EQ(counter_key("next_ino"), "cnext_ino");
  EXPECT_EQ(reverse_key(Seq(1), 2, Ino(3), 4).size(), 33U);
}

TEST(Keys, OfEveryKindDiffer) {
  const std::string all[] = {
      inode_key(Ino(1)),     symlink_key(Ino(1)),   orphan_key(Ino(1)),
      trim_key(Ino(1)),      segment_key(Seq(1)),   frames_key(Seq(1)),
      extent_key(Ino(1), 0), dirent_key(Ino(1), 0), doomed_key(Seq(1), Seq(0))};
  for (const std::string& a : all) {
    for (const std::string& b : all) EXPECT_EQ(&a == &b, a == b);
  }
}

TEST(Keys, GiveTheirFieldsBack) {
  const std::string key = reverse_key(Seq(5), 6, Ino(7), UINT64_MAX);
  EXPECT_EQ(key_u64(key, 0), 5U);
  EXPECT_EQ(key_u64(key, 1), 6U);
  EXPECT_EQ(key_u64(key, 2), 7U);
  EXPECT_EQ(key_u64(key, 3), UINT64_MAX);
  EXPECT_TRUE(is_key(key, KeyKind::kReverse, 4));
  EXPECT_FALSE(is_key(key, KeyKind::kReverse, 5));
  EXPECT_FALSE(is_key(key, KeyKind::kInode, 1));
  EXPECT_FALSE(is_key("", KeyKind::kInode, 0));
}

RC_GTEST_PROP(KeyProperty, SortAsTheirNumbersDo,
              (std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d)) {
  RC_ASSERT((extent_key(Ino(a), b) < extent_key(Ino(c), d)) == (std::pair(a, b) < std::pair(c, d)));
}

}  // namespace
}  // namespace cairn::format
