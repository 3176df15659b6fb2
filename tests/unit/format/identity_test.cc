#include "fsd/format/identity.h"

#include <unordered_set>

#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

TEST(Identity, IsWrittenAsHexAndReadBack) {
  const Uuid id{0x01, 0xAB, 0xFF};
  EXPECT_EQ(to_hex(id), "01abff" + std::string(26, '0'));
  EXPECT_EQ(parse_hex(to_hex(id)), id);
  for (const std::string& text : {std::string(), std::string(31, '0'), std::string(33, '0'),
                                  std::string(32, 'A'), std::string(32, 'g')}) {
    EXPECT_FALSE(parse_hex(text)) << text;
  }
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
        Case{FormatErrc::kNotEncrypted, EIO}, Case{FormatErrc::kInvalid, EINVAL}}) {
    const Error error(c.code, "");
    EXPECT_EQ(to_errno(error), c.expected);
    EXPECT_TRUE(is(error, c.code));
    EXPECT_FALSE(error.message().empty());
  }
}

}  // namespace
}  // namespace cairn::format
