#include "fsd/engine/frame_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace cairn::engine {
namespace {

using Use = FrameCache::Use;

constexpr std::uint64_t kMiB = 1U << 20;
constexpr std::size_t kFrame = 64U << 10;

FrameKey key(std::uint64_t segment, std::uint32_t frame) {
  FrameKey result;
  segment *= 0x9E3779B97F4A7C15ULL;  // ids are random
  std::memcpy(result.segment.bytes.data(), &segment, sizeof segment);
  result.frame = frame;
  return result;
}
SharedBytes frame_of(std::size_t size, char with = 'x') {
  return SharedBytes::from(std::string(size, with));
}
bool touch(FrameCache& cache, const FrameKey& k) { return cache.find(k) != nullptr; }
/// As the reader does it: a miss brings the frame in.
bool read(FrameCache& cache, const FrameKey& k, std::size_t size = kFrame) {
  if (touch(cache, k)) return true;
  cache.insert(k, frame_of(size));
  return false;
}

TEST(FrameCache, FindsWhatWasInsertedAndNothingElse) {
  FrameCache cache(16 * kMiB);
  cache.insert(key(1, 7), frame_of(100, 'a'));
  ASSERT_NE(cache.find(key(1, 7)), nullptr);
  EXPECT_EQ(as_string(cache.find(key(1, 7))->view()), std::string(100, 'a'));
  EXPECT_EQ(cache.find(key(1, 8)), nullptr);
  EXPECT_EQ(cache.find(key(2, 7)), nullptr);
  EXPECT_EQ(cache.counters().hits, 2U);
  EXPECT_EQ(cache.counters().misses, 2U);
  EXPECT_EQ(cache.counters().bytes, 100U);
  EXPECT_EQ(cache.counters().entries, 1U);
}

TEST(FrameCache, LookingWhetherItIsThereIsNoUse) {
  FrameCache cache(16 * kMiB);
  cache.insert(key(1, 1), frame_of(10));
  EXPECT_TRUE(cache.contains(key(1, 1)));
  EXPECT_FALSE(cache.contains(key(1, 2)));
  EXPECT_EQ(cache.counters().hits + cache.counters().misses, 0U);
}

TEST(FrameCache, AFrameThatIsThereStays) {
  FrameCache cache(16 * kMiB);
  cache.insert(key(1, 1), frame_of(10, 'a'));
  cache.insert(key(1, 1), frame_of(20, 'b'));
  EXPECT_EQ(cache.find(key(1, 1))->size(), 10U);
  EXPECT_EQ(cache.counters().bytes, 10U);
}

TEST(FrameCache, NeverTakesMoreThanItsLimitUnderAnyLoad) {
  for (const std::uint64_t limit : {kMiB, 8 * kMiB, 64 * kMiB}) {
    FrameCache cache(limit);
    std::mt19937_64 random(3);
    for (int i = 0; i < 60'000; ++i) {
      const std::size_t size = i % 20'000 < 10'000 ? 1 + random() % 200 : 1 + random() % kFrame;
      const FrameKey k = key(random() % 50, static_cast<std::uint32_t>(random() % 200));
      if (!touch(cache, k)) cache.insert(k, frame_of(size), static_cast<Use>(random() % 3));
      ASSERT_LE(cache.counters().bytes + cache.table_bytes(), limit);
    }
    EXPECT_GT(cache.counters().hits, 0U);
    EXPECT_GT(cache.counters().evictions, 0U);
  }
}

TEST(FrameCache, ItsTablesAreASmallPartAndNeverGrow) {
  FrameCache cache(64 * kMiB);
  const std::uint64_t tables = cache.table_bytes();
  EXPECT_LT(tables, 64 * kMiB / 16);
  for (std::uint32_t i = 0; i < 100'000; ++i) cache.insert(key(i, i), frame_of(16));
  EXPECT_EQ(cache.table_bytes(), tables);
}

TEST(FrameCache, AWorkingSetThatFitsIsKeptWhole) {
  FrameCache cache(64 * kMiB);
  const std::uint32_t frames = 800;  // 50 MiB
  for (std::uint32_t i = 0; i < frames; ++i) cache.insert(key(1, i), frame_of(kFrame));
  for (std::uint32_t i = 0; i < frames; ++i) EXPECT_TRUE(touch(cache, key(1, i)));
}

TEST(FrameCache, AScanManyTimesItsSizeDoesNotPushOutTheHotSet) {
  FrameCache cache(64 * kMiB);
  const std::uint32_t hot = 400;  // 25 MiB
  // Made hot: read, other things come by, read again.
  for (int round = 0; round < 4; ++round) {
    for (std::uint32_t i = 0; i < hot; ++i) read(cache, key(1, i));
    for (std::uint32_t i = 0; i < 100; ++i) read(cache, key(100 + round, i));
  }
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    // As a program reads: each frame of the scan in sixteen pieces.
    for (int piece = 0; piece < 16; ++piece) read(cache, key(2, i));
  }
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < hot; ++i) kept += cache.contains(key(1, i)) ? 1 : 0;
  EXPECT_GE(kept, hot * 95 / 100);
}

TEST(FrameCache, AFrameThatComesBackSoonAfterItWasDroppedIsKeptFromThenOn) {
  FrameCache cache(16 * kMiB);
  const auto scan = [&](std::uint64_t segment, std::uint32_t frames) {
    for (std::uint32_t i = 0; i < frames; ++i) read(cache, key(segment, i));
  };
  scan(5, 1000);
  read(cache, key(1, 1));
  scan(6, 300);
  ASSERT_FALSE(cache.contains(key(1, 1)));
  read(cache, key(1, 1));  // its ghost was there
  scan(7, 150);
  EXPECT_TRUE(cache.contains(key(1, 1)));
}

TEST(FrameCache, AChangedHotSetReplacesTheOldOne) {
  FrameCache cache(32 * kMiB);
  const std::uint32_t hot = 200;
  for (const std::uint64_t segment : {1, 2}) {
    for (int round = 0; round < 30; ++round) {
      for (std::uint32_t i = 0; i < hot; ++i) read(cache, key(segment, i));
      for (std::uint32_t i = 0; i < 100; ++i) read(cache, key(segment * 1000 + round, i));
    }
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < hot; ++i) kept += cache.contains(key(segment, i)) ? 1 : 0;
    EXPECT_GE(kept, hot * 95 / 100) << "hot set " << segment;
  }
}

TEST(FrameCache, WhatWasReadAheadOutlivesWhatIsReadMeanwhile) {
  FrameCache cache(64 * kMiB);
  for (std::uint32_t i = 0; i < 2000; ++i) read(cache, key(9, i));  // full
  EXPECT_GT(cache.probation_room(), 60 * kMiB) << "of which nothing is hot";
  const auto ahead = static_cast<std::uint32_t>(cache.probation_room() / 2 / kFrame);
  for (std::uint32_t i = 0; i < ahead; ++i)
    cache.insert(key(1, i), frame_of(kFrame), Use::kReadAhead);
  for (std::uint32_t i = 0; i < ahead / 2; ++i) read(cache, key(2, i));
  for (std::uint32_t i = 0; i < ahead; ++i) EXPECT_TRUE(cache.contains(key(1, i))) << i;
}

TEST(FrameCache, HasLessRoomForReadAheadBesideAHotSet) {
  FrameCache cache(32 * kMiB);
  for (int round = 0; round < 30; ++round) {
    for (std::uint32_t i = 0; i < 300; ++i) read(cache, key(1, i));
    for (std::uint32_t i = 0; i < 100; ++i) read(cache, key(1000 + round, i));
  }
  const std::uint64_t room = cache.probation_room();
  EXPECT_LT(room, 16 * kMiB);
  EXPECT_GE(room, 6 * kMiB) << "its share";
  const auto ahead = static_cast<std::uint32_t>(room / 2 / kFrame);
  for (std::uint32_t i = 0; i < ahead; ++i)
    cache.insert(key(2, i), frame_of(kFrame), Use::kReadAhead);
  for (std::uint32_t i = 0; i < ahead / 2; ++i) read(cache, key(3, i));
  for (std::uint32_t i = 0; i < ahead; ++i) EXPECT_TRUE(cache.contains(key(2, i))) << i;
}

TEST(FrameCache, KeepsRoomForWhatIsOnItsWay) {
  FrameCache cache(16 * kMiB);
  for (std::uint32_t i = 0; i < 400; ++i) read(cache, key(1, i));
  cache.reserve(8 * kMiB);
  EXPECT_LE(cache.counters().bytes + cache.table_bytes(), 8 * kMiB) << "room is made at once";
  EXPECT_TRUE(cache.contains(key(1, 399)));
  EXPECT_FALSE(cache.contains(key(1, 270))) << "the oldest go";
  for (std::uint32_t i = 0; i < 400; ++i) read(cache, key(2, i));
  EXPECT_LE(cache.counters().bytes + cache.table_bytes(), 8 * kMiB) << "and is kept";
  cache.reserve(0);
  for (std::uint32_t i = 0; i < 400; ++i) read(cache, key(3, i));
  EXPECT_GT(cache.counters().bytes, 15 * kMiB);
  cache.reserve(1U << 30);
  EXPECT_EQ(cache.counters().entries, 0U) << "more than there is: nothing is left, nothing breaks";
}

TEST(FrameCache, TellsNeighboursThatWereReadFromThoseThatWereNot) {
  FrameCache cache(16 * kMiB);
  for (std::uint32_t i = 0; i < 10; ++i) cache.insert(key(1, i), frame_of(kFrame), Use::kNeighbour);
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(touch(cache, key(1, i)));
    EXPECT_TRUE(touch(cache, key(1, i)));
  }
  for (std::uint32_t i = 0; i < 1000; ++i) read(cache, key(2, i));
  EXPECT_EQ(cache.counters().neighbours_used, 4U);
  EXPECT_EQ(cache.counters().neighbours_wasted, 6U);
}

TEST(FrameCache, AReaderKeepsAFrameThatIsDropped) {
  FrameCache cache(16 * kMiB);
  cache.insert(key(1, 1), frame_of(kFrame, 'k'));
  const SharedBytes held = *cache.find(key(1, 1));
  cache.clear();
  EXPECT_EQ(cache.counters().bytes, 0U);
  EXPECT_EQ(cache.counters().entries, 0U);
  EXPECT_FALSE(touch(cache, key(1, 1)));
  EXPECT_EQ(held.view()[kFrame - 1], 'k');
}

TEST(FrameCache, WhatSharesItsMemoryHasMemoryOfItsOwnOnceItIsKeptForLong) {
  FrameCache cache(16 * kMiB);
  std::weak_ptr<const std::string> answer;
  {
    auto owner = std::make_shared<const std::string>(std::string(2 * kFrame, 'm'));
    answer = owner;
    const SharedBytes body(owner, as_bytes(*owner));
    for (const std::uint32_t i : {0U, 1U}) {
      cache.insert(key(1, i), body.slice(i * kFrame, kFrame), Use::kDemand,
                   FrameCache::Memory::kShared);
    }
  }
  EXPECT_FALSE(answer.expired());
  std::uint32_t others = 0;
  // Until it leaves probation, which one of the two does for main, as it was used in between.
  while (!answer.expired() && others < 16 * kMiB / kFrame) {
    touch(cache, key(1, 1));
    cache.insert(key(2, others++), frame_of(kFrame));
  }
  EXPECT_TRUE(answer.expired());
  EXPECT_FALSE(cache.contains(key(1, 0)));
  ASSERT_TRUE(cache.contains(key(1, 1)));
  EXPECT_EQ(as_string(cache.find(key(1, 1))->view()), std::string(kFrame, 'm'));
}

TEST(FrameCache, IsNewWhatItNeitherHasNorRemembersAndWhatItHasRoomFor) {
  FrameCache cache(kMiB);
  EXPECT_TRUE(cache.is_new(key(1, 0), kFrame));
  EXPECT_FALSE(cache.is_new(key(1, 0), kMiB));
  cache.insert(key(1, 0), frame_of(kFrame));
  EXPECT_FALSE(cache.is_new(key(1, 0), kFrame));
  for (std::uint32_t i = 0; cache.contains(key(1, 0)); ++i) {
    cache.insert(key(2, i), frame_of(kFrame));
  }
  EXPECT_FALSE(cache.is_new(key(1, 0), kFrame));  // a ghost
}

TEST(FrameCache, WhatIsTooLargeOrACacheWithoutRoomKeepsNothingAndHarmsNothing) {
  FrameCache cache(kMiB);
  cache.insert(key(1, 1), frame_of(kMiB));
  EXPECT_FALSE(cache.contains(key(1, 1)));
  FrameCache none(0);
  none.insert(key(1, 1), frame_of(10));
  EXPECT_FALSE(none.contains(key(1, 1)));
  EXPECT_EQ(none.counters().bytes, 0U);
}

}  // namespace
}  // namespace cairn::engine
