#include "fsd/format/identity.h"

#include <unordered_set>

#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

TEST(Identity, IsWrittenAsHex) {
  const Uuid id{0x01, 0xAB, 0xFF};
  EXPECT_EQ(to_hex(id), "01abff" + std::string(26, '0'));
}

TEST(Identity, RandomIdsDifferAndHash) {
  TestRandom random(1);
  std::unordered_set<SegmentId> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(SegmentId::random(random));
  EXPECT_EQ(seen.size(), 1000U);
  EXPECT_FALSE(seen.begin()->is_zero());
  EXPECT_TRUE(SegmentId{}.is_zero());
  static_assert(!std::is_same_v<SegmentId, WriterNonce>);
}

TEST(FormatError, StandsForAnErrno) {
  struct Case {
    FormatErrc code;
    int expected;
  };
  for (const Case& c :
       {Case{FormatErrc::kDamaged, EIO}, Case{FormatErrc::kNewer, EIO},
        Case{FormatErrc::kWrongPassword, EACCES}, Case{FormatErrc::kPasswordMissing, EACCES},
        Case{FormatErrc::kNotEncrypted, EIO}}) {
    const Error error(c.code, "");
    EXPECT_EQ(to_errno(error), c.expected);
    EXPECT_TRUE(is(error, c.code));
    EXPECT_FALSE(error.message().empty());
  }
}

}  // namespace
}  // namespace cairn::format
