#include "fsd/vfs/read_ahead.h"

#include <gtest/gtest.h>

#include <vector>

namespace cairn::vfs {
namespace {

constexpr std::uint64_t kKiB = 1U << 10;
constexpr std::uint64_t kMiB = 1U << 20;
constexpr std::uint64_t kHuge = 1ULL << 40;

using Ask = ReadAhead::Ask;

struct Step {
  std::uint64_t offset;
  std::uint64_t length;
  std::optional<Ask> ask;
};
struct Case {
  const char* name;
  std::uint64_t file_size;
  std::vector<Step> steps;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class ReadAheadTable : public testing::TestWithParam<Case> {};

TEST_P(ReadAheadTable, AsksForWhatTheTableSays) {
  ReadAhead read_ahead;
  for (std::size_t i = 0; i < GetParam().steps.size(); ++i) {
    const Step& step = GetParam().steps[i];
    const auto ask = read_ahead.on_read(step.offset, step.length, GetParam().file_size);
    ASSERT_EQ(ask.has_value(), step.ask.has_value()) << "step " << i;
    if (ask) {
      EXPECT_EQ(ask->offset, step.ask->offset) << "step " << i;
      EXPECT_EQ(ask->length, step.ask->length) << "step " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tables, ReadAheadTable,
    testing::Values(
        Case{"AStreamFromTheStartWidensItsWindow",
             kHuge,
             {{0, 32 * kKiB, Ask{32 * kKiB, 128 * kKiB}},
              {32 * kKiB, 64 * kKiB, std::nullopt},  // half of the window is still ahead
              {96 * kKiB, 32 * kKiB, Ask{160 * kKiB, 896 * kKiB}},
              {128 * kKiB, 256 * kKiB, std::nullopt},
              {384 * kKiB, 256 * kKiB, Ask{1056 * kKiB, 7168 * kKiB}}}},
        Case{"WhoReadsInLargePiecesBeginsWithMore",
             kHuge,
             {{0, 128 * kKiB, Ask{128 * kKiB, 512 * kKiB}},
              {512 * kMiB, kMiB, std::nullopt},
              {513 * kMiB, kMiB, Ask{514 * kMiB, kMiB}},
              {600 * kMiB, 4 * kMiB, std::nullopt},
              {604 * kMiB, 4 * kMiB, Ask{608 * kMiB, 4 * kMiB}}}},
        Case{"AReadElsewhereAsksForNothingUntilItGoesOn",
             kHuge,
             {{10 * kMiB, 4 * kKiB, std::nullopt},
              {20 * kMiB, 4 * kKiB, std::nullopt},
              {20 * kMiB + 4 * kKiB, 4 * kKiB, Ask{20 * kMiB + 8 * kKiB, 128 * kKiB}}}},
        Case{"RandomReadsAskForNothing",
             kHuge,
             {{7 * kMiB, 4 * kKiB, std::nullopt},
              {3 * kMiB, 4 * kKiB, std::nullopt},
              {3 * kMiB + 8 * kKiB, 4 * kKiB, std::nullopt},
              {3 * kMiB + 4 * kMiB, 4 * kKiB, std::nullopt},
              {7 * kMiB, 4 * kKiB, std::nullopt},
              {7 * kMiB - 4 * kKiB, 4 * kKiB, std::nullopt}}},
        Case{"ASeekBeginsWithASmallWindowAgain",
             kHuge,
             {{0, 32 * kKiB, Ask{32 * kKiB, 128 * kKiB}},
              {32 * kKiB, 128 * kKiB, Ask{160 * kKiB, kMiB}},
              {500 * kMiB, 32 * kKiB, std::nullopt},
              {500 * kMiB + 32 * kKiB, 32 * kKiB, Ask{500 * kMiB + 64 * kKiB, 128 * kKiB}}}},
        Case{"StopsAtTheEndOfTheFile",
             200 * kKiB,
             {{0, 32 * kKiB, Ask{32 * kKiB, 128 * kKiB}},
              {32 * kKiB, 128 * kKiB, Ask{160 * kKiB, 40 * kKiB}},
              {160 * kKiB, 64 * kKiB, std::nullopt},
              {200 * kKiB, 64 * kKiB, std::nullopt}}},
        Case{"ASmallFileIsReadWithoutAsking", 4 * kKiB, {{0, 64 * kKiB, std::nullopt}}},
        Case{"AReadOfNothingIsNotARead",
             kHuge,
             {{0, 0, std::nullopt}, {0, 4 * kKiB, Ask{4 * kKiB, 128 * kKiB}}}},
        Case{"ReadsAsLargeAsTheWindowWidenItEachTime",
             kHuge,
             {{0, kMiB, Ask{kMiB, kMiB}}, {kMiB, kMiB, Ask{2 * kMiB, 8 * kMiB}}}},
        Case{"FourStreamsInOneFileDoNotDisturbEachOther",
             kHuge,
             {{100 * kMiB, 32 * kKiB, std::nullopt},
              {200 * kMiB, 32 * kKiB, std::nullopt},
              {300 * kMiB, 32 * kKiB, std::nullopt},
              {400 * kMiB, 32 * kKiB, std::nullopt},
              {100 * kMiB + 32 * kKiB, 32 * kKiB, Ask{100 * kMiB + 64 * kKiB, 128 * kKiB}},
              {200 * kMiB + 32 * kKiB, 32 * kKiB, Ask{200 * kMiB + 64 * kKiB, 128 * kKiB}},
              {300 * kMiB + 32 * kKiB, 32 * kKiB, Ask{300 * kMiB + 64 * kKiB, 128 * kKiB}},
              {400 * kMiB + 32 * kKiB, 32 * kKiB, Ask{400 * kMiB + 64 * kKiB, 128 * kKiB}}}},
        Case{"TheFifthStreamTakesTheOldestOnesPlace",
             kHuge,
             {{100 * kMiB, 32 * kKiB, std::nullopt},
              {200 * kMiB, 32 * kKiB, std::nullopt},
              {300 * kMiB, 32 * kKiB, std::nullopt},
              {400 * kMiB, 32 * kKiB, std::nullopt},
              {500 * kMiB, 32 * kKiB, std::nullopt},
              {100 * kMiB + 32 * kKiB, 32 * kKiB, std::nullopt},  // forgotten
              {500 * kMiB + 32 * kKiB, 32 * kKiB, Ask{500 * kMiB + 64 * kKiB, 128 * kKiB}}}},
        Case{"OffsetsNearTheLimitDoNotOverflow",
             UINT64_MAX,
             {{UINT64_MAX - 100, 50, std::nullopt}, {UINT64_MAX - 50, UINT64_MAX, std::nullopt}}}),
    [](const auto& info) { return info.param.name; });

TEST(ReadAhead, GrowsToItsLargestWindowAndCoversEveryByteOnce) {
  ReadAhead read_ahead;
  std::uint64_t asked_to = 0;
  std::uint64_t longest = 0;
  std::uint64_t asks = 0;
  for (std::uint64_t at = 0; at < 512 * kMiB; at += 128 * kKiB) {
    const auto ask = read_ahead.on_read(at, 128 * kKiB, kHuge);
    if (!ask) continue;
    ++asks;
    EXPECT_EQ(ask->offset, asked_to == 0 ? 128 * kKiB : asked_to);
    asked_to = ask->offset + ask->length;
    EXPECT_LE(asked_to - at, ReadAhead::kWindowMax + 128 * kKiB);
    longest = std::max(longest, ask->length);
  }
  EXPECT_GE(longest, 16 * kMiB);
  EXPECT_LT(asks, 150U);  // few and large
}

TEST(ReadAhead, TheLargestWindowIsKeptFullInWholePieces) {
  ReadAhead read_ahead(16 * kMiB);
  std::uint64_t asked_to = 0;
  for (std::uint64_t at = 0; at < 128 * kMiB; at += 512 * kKiB) {
    const auto ask = read_ahead.on_read(at, 512 * kKiB, kHuge);
    if (ask) asked_to = ask->offset + ask->length;
    if (at < 16 * kMiB) continue;
    EXPECT_GT(asked_to - at, 14 * kMiB) << "a slow answer would hold the reader up";
    if (ask) {
      EXPECT_EQ(ask->length % (2 * kMiB), 0U);
    }
  }
}

TEST(ReadAhead, WhatWasRefusedIsAskedForAgain) {
  ReadAhead read_ahead;
  const auto first = read_ahead.on_read(0, kMiB, kHuge);
  ASSERT_EQ(first, (Ask{kMiB, kMiB}));
  read_ahead.on_refused(*first, 64 * kKiB);
  const auto again = read_ahead.on_read(kMiB, 32 * kKiB, kHuge);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->offset, kMiB + 64 * kKiB);
  read_ahead.on_refused(*again, 0);
  EXPECT_EQ(read_ahead.on_read(kMiB + 32 * kKiB, kMiB, kHuge).value().offset, 2 * kMiB + 32 * kKiB)
      << "what a read brings itself is not asked for";
}

TEST(ReadAhead, PartsOfOneReadMayArriveOutOfOrder) {
  ReadAhead read_ahead;
  std::uint64_t at = 0;
  for (; at < 4 * kMiB; at += 128 * kKiB) (void)read_ahead.on_read(at, 128 * kKiB, kHuge);
  std::uint64_t asked = 0;
  for (; at < 64 * kMiB; at += 512 * kKiB) {
    for (const std::uint64_t part : {2, 0, 3, 1}) {
      const auto ask = read_ahead.on_read(at + part * 128 * kKiB, 128 * kKiB, kHuge);
      if (ask) asked += ask->length;
    }
  }
  EXPECT_GE(asked, 48 * kMiB);
}

TEST(ReadAhead, NoMoreIsAskedForThanTheVolumeWouldBring) {
  ReadAhead read_ahead;
  std::uint64_t asked_to = 0;
  for (std::uint64_t at = 0; at < 64 * kMiB; at += kMiB) {
    const auto ask = read_ahead.on_read(at, kMiB, kHuge, 6 * kMiB);
    if (!ask) continue;
    EXPECT_GE(ask->offset, asked_to);
    EXPECT_TRUE(at < 4 * kMiB || ask->offset == asked_to) << "a gap is read without read-ahead";
    asked_to = ask->offset + ask->length;
    EXPECT_LE(asked_to, at + 7 * kMiB);
  }
  EXPECT_GE(asked_to, 64 * kMiB);
}

TEST(ReadAhead, ASmallerLargestWindowIsKept) {
  ReadAhead read_ahead(256 * kKiB);
  for (std::uint64_t at = 0; at < 8 * kMiB; at += 64 * kKiB) {
    const auto ask = read_ahead.on_read(at, 64 * kKiB, kHuge);
    if (ask) {
      EXPECT_LE(ask->offset + ask->length, at + 64 * kKiB + 256 * kKiB);
    }
  }
}

}  // namespace
}  // namespace cairn::vfs
