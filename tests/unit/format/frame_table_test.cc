#include <rapidcheck/gtest.h>

#include "fsd/format/names.h"
#include "fsd/format/segment.h"
#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

FrameTable test_table() {
  FrameTable table;
  table.seq = Seq(77);
  table.nonce = WriterNonce{{1, 2}};
  table.id = SegmentId{{3, 4}};
  table.data_start = 500;
  table.data_bytes = 3 * 65536 + 10;
  table.frames = {
      {65536 + 16, Codec::kRaw}, {1000, Codec::kZstd}, {20000, Codec::kLz4}, {26, Codec::kRaw}};
  return table;
}

TEST(FrameTable, ComesBack) {
  for (const bool repacked : {false, true}) {
    FrameTable table = test_table();
    table.repacked = repacked;
    if (repacked) table.epoch = Epoch(12);
    const auto decoded = decode_frame_table(Seq(77), encode(table));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, table);
  }
}

TEST(FrameTable, SaysWhereFramesLie) {
  const FrameTable table = test_table();
  EXPECT_EQ(table.frame_of(0), 0U);
  EXPECT_EQ(table.frame_of(65535), 0U);
  EXPECT_EQ(table.frame_of(65536), 1U);
  EXPECT_EQ(table.frame_of(3 * 65536 + 9), 3U);
  EXPECT_EQ(table.plain_bytes(2), 65536U);
  EXPECT_EQ(table.plain_bytes(3), 10U);
  EXPECT_EQ(table.stored_range(0), (StoredRange{500, 65552}));
  EXPECT_EQ(table.stored_range(1, 2), (StoredRange{66052, 21000}));
  EXPECT_EQ(table.stored_range(4, 0), (StoredRange{87078, 0}));
}

TEST(FrameTable, NamesItsObject) {
  FrameTable table = test_table();
  EXPECT_EQ(table.object_name(), log_name(Seq(77)));
  table.repacked = true;
  table.epoch = Epoch(2);
  EXPECT_EQ(table.object_name(), data_name(Epoch(2), Seq(77)));
}

TEST(FrameTable, OfATinySegmentTakesFewBytes) {
  FrameTable table = test_table();
  table.data_bytes = 4096;
  table.frames = {{4112, Codec::kRaw}};
  EXPECT_LE(encode(table).size(), 45U);
}

TEST(FrameTable, RefusesTruncationAndNonsense) {
  const auto accepts = [](std::string_view bytes) {
    return decode_frame_table(Seq(77), bytes).has_value();
  };
  expect_every_truncation_refused(encode(test_table()), accepts);
  EXPECT_FALSE(accepts(encode(test_table()) + '\0'));
  refused_bit_flips(encode(test_table()), accepts);
  FrameTable table = test_table();
  table.frames[1].stored_bytes = 65536 + 16;  // compressed, and yet not shorter
  EXPECT_FALSE(accepts(encode(table)));
  table = test_table();
  table.frames[0].stored_bytes -= 1;  // raw, and yet shorter
  EXPECT_FALSE(accepts(encode(table)));
  table = test_table();
  table.data_bytes = kArenaBytesMax + 1;
  EXPECT_FALSE(accepts(encode(table)));
  table = test_table();
  table.data_bytes = kArenaBytesMax;  // more frames than there are
  EXPECT_FALSE(accepts(encode(table)));
  std::string newer = encode(test_table());
  newer[0] = 2;
  EXPECT_FAILS_WITH(FormatErrc::kNewer, decode_frame_table(Seq(77), newer));
}

TEST(FrameTable, WritesTheBytesOfVersionOne) {
  expect_golden("frame_table_v1", encode(test_table()));
  FrameTable repacked = test_table();
  repacked.repacked = true;
  repacked.epoch = Epoch(300);
  expect_golden("frame_table_v1_repacked", encode(repacked));
}

RC_GTEST_PROP(FrameTableProperty, WhateverDecodesComesBackAgain, (const std::string& bytes)) {
  const auto table = decode_frame_table(Seq(1), "\x01" + bytes);
  if (!table) return;
  RC_ASSERT(*decode_frame_table(Seq(1), encode(*table)) == *table);
}

}  // namespace
}  // namespace cairn::format
