#include <gtest/gtest.h>

#include <limits>

#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

namespace cairn::wire {
namespace {

TEST(Wire, WritesLittleEndianIntegers) {
  Encoder out;
  out.u8(0x01).u16(0x0302).u32(0x07060504).u64(0x0F0E0D0C0B0A0908).i64(-2);
  EXPECT_EQ(out.view(), std::string("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F"
                                    "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF"));
}

TEST(Wire, ReadsBackWhatWasWritten) {
  Encoder out;
  out.u8(255).u16(65535).u32(UINT32_MAX).u64(UINT64_MAX).i64(INT64_MIN).string("abc").raw("xy");
  out.varint(0).varint(127).varint(128).varint(UINT64_MAX);
  const std::string bytes = std::move(out).take();
  Decoder in(bytes);
  EXPECT_EQ(in.u8(), 255);
  EXPECT_EQ(in.u16(), 65535);
  EXPECT_EQ(in.u32(), UINT32_MAX);
  EXPECT_EQ(in.u64(), UINT64_MAX);
  EXPECT_EQ(in.i64(), INT64_MIN);
  EXPECT_EQ(in.string(3), "abc");
  EXPECT_EQ(in.raw(2).size(), 2U);
  EXPECT_FALSE(in.finished());
  for (const std::uint64_t expected : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128},
                                       std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_EQ(in.varint(), expected);
  }
  EXPECT_TRUE(in.finished());
}

TEST(Wire, NeverReadsPastTheEndAndRemembersTheFailure) {
  const std::string bytes(7, '\1');
  Decoder in(bytes);
  EXPECT_EQ(in.u64(), 0U);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.u8(), 0) << "a failed decoder yields zeros, although a byte was there";
  EXPECT_EQ(in.left(), 0U);
  EXPECT_TRUE(in.raw(1).empty());
  EXPECT_FALSE(in.finished());
}

TEST(Wire, RefusesStringsThatAreTooLongOrNotThere) {
  Encoder out;
  out.string("four");
  {
    Decoder in(out.view());
    EXPECT_EQ(in.string(3), "");
    EXPECT_FALSE(in.ok());
  }
  {
    Decoder in(out.view().substr(0, 7));
    EXPECT_EQ(in.string(100), "");
    EXPECT_FALSE(in.ok());
  }
  Decoder huge(std::string_view("\xFF\xFF\xFF\xFF", 4));
  EXPECT_EQ(huge.string(UINT32_MAX), "");
  EXPECT_FALSE(huge.ok());
}

TEST(Wire, RefusesNumbersOfMoreThan64Bits) {
  struct Case {
    std::string bytes;
    bool good;
  };
  const Case cases[] = {{std::string(9, '\xFF') + "\x01", true},
                        {std::string(9, '\xFF') + "\x02", false},
                        {std::string(10, '\xFF') + "\x01", false},
                        {std::string(3, '\xFF'), false},
                        {"", false}};
  for (const Case& c : cases) {
    Decoder in(c.bytes);
    in.varint();
    EXPECT_EQ(in.ok(), c.good);
  }
}

TEST(Wire, PatchesALengthThatIsKnownAtTheEnd) {
  Encoder out;
  out.u32(0).raw("body").patch_u32(0, static_cast<std::uint32_t>(out.size()));
  EXPECT_EQ(out.view(), std::string("\x08\0\0\0body", 8));
}

}  // namespace
}  // namespace cairn::wire
