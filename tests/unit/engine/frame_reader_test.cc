#include "fsd/engine/frame_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <optional>
#include <random>

#include "fsd/format/compression.h"
#include "fsd/object_store/counting_store.h"
#include "fsd/object_store/limited_store.h"
#include "fsd/object_store/memory_store.h"
#include "fsd/runtime/real_runtime.h"
#include "tests/support/bad_link.h"
#include "tests/support/sim_runtime.h"

namespace cairn::engine {
namespace {

constexpr std::uint64_t kMiB = 1U << 20;
constexpr std::size_t kFrame = format::kFrameBytesDefault;

class FrameReaderTest : public ::testing::Test {
 protected:
  explicit FrameReaderTest(format::Sealer sealer = format::Sealer::checksummed(),
                           std::uint64_t cache_bytes = 256 * kMiB)
      : sealer_(std::move(sealer)), cache_(cache_bytes) {
    make_reader({});
  }
  ~FrameReaderTest() override { stop(); }

  void make_reader(FrameReader::Options options) {
    stop();
    reader_.emplace(
        sim_.runtime(), link_, sealer_, BlockPool(kFrame, kMiB), cache_,
        [this](Seq seq) -> Result<FrameTables::Table> {
          ++lookups_;
          const auto found = tables_.find(seq);
          if (found == tables_.end()) return Error(EngineErrc::kDamaged, "no such segment");
          return found->second;
        },
        options);
  }
  void stop() {
    if (!reader_) return;
    sim_.wait([&] { return stopped(&*reader_); }).value();
    reader_.reset();
  }
  static Task<Result<bool>> stopped(FrameReader* reader) {
    co_await reader->stop();
    co_return true;
  }

  /// A segment with these bytes in the store; random bytes do not compress.
  std::string put_segment(Seq seq, std::size_t bytes, bool compressible = false) {
    std::mt19937_64 random(seq.value());
    std::string data(bytes, 'z');
    for (std::size_t i = 0; i + 8 <= data.size() && !compressible; i += 8) {
      const std::uint64_t word = random();
      std::memcpy(&data[i], &word, 8);
    }
    format::SegmentHeader header;
    header.seq = seq;
    header.next_seq = seq.next();
    header.id = format::SegmentId::random(sim_.random());
    header.nonce = format::WriterNonce::random(sim_.random());
    const auto frames = format::split_frames(as_bytes(data), header.frame_bytes);
    auto sealed = format::seal_segment(header, {}, frames, {}, sealer_);
    tables_[seq] = std::make_shared<const format::FrameTable>(std::move(sealed.frames));
    const std::string name = tables_[seq]->object_name();
    SharedBytes body = SharedBytes::from(std::move(sealed.object));
    EXPECT_TRUE(sim_.wait([&] { return memory_.put(name, body, {}); }));
    return data;
  }

  Result<std::string> read(Seq seq, std::uint64_t offset, std::size_t length) {
    std::string into(length, '?');
    const MutableByteView view(reinterpret_cast<std::uint8_t*>(into.data()), into.size());
    TRY_OK(sim_.wait([&] { return reader_->read({seq, offset}, view); }));
    return into;
  }
  std::uint64_t prefetch(Seq seq, std::uint64_t offset, std::uint64_t length) {
    std::uint64_t taken = 0;
    sim_.in_core([&] { taken = reader_->prefetch({seq, offset}, length); });
    return taken;
  }
  /// GETs since the last call.
  std::uint64_t gets() {
    const std::uint64_t now = counting_.counts().gets.requests;
    return now - std::exchange(gets_before_, now);
  }

  testing::SimRuntime sim_{1};
  object_store::MemoryStore memory_;
  object_store::CountingStore counting_{memory_};
  object_store::LimitedStore slow_{
      counting_,
      sim_.runtime(),
      {.concurrent_max = 1000, .latency = std::chrono::milliseconds(20)}};
  testing::BadLink link_{slow_};
  format::Sealer sealer_;
  FrameCache cache_;
  std::map<Seq, FrameTables::Table> tables_;
  std::optional<FrameReader> reader_;
  std::uint64_t gets_before_ = 0;
  int lookups_ = 0;
};

TEST_F(FrameReaderTest, AColdReadIsOneGetAndAWarmOneIsNone) {
  const std::string data = put_segment(Seq(1), 10'000);
  EXPECT_EQ(read(Seq(1), 0, 10'000).value(), data);
  EXPECT_EQ(gets(), 1U);
  EXPECT_EQ(read(Seq(1), 5'000, 100).value(), data.substr(5'000, 100));
  EXPECT_EQ(gets(), 0U);
  EXPECT_EQ(lookups_, 1);
}

TEST_F(FrameReaderTest, AWarmReadEndsBeforeItReturns) {
  const std::string data = put_segment(Seq(1), 3 * kFrame);
  (void)read(Seq(1), 0, 3 * kFrame).value();
  std::string into(2 * kFrame, '?');
  sim_.in_core([&] {
    Task<Result<void>> task = reader_->read(
        {Seq(1), kFrame / 2}, {reinterpret_cast<std::uint8_t*>(into.data()), into.size()});
    ASSERT_TRUE(task.done());
    EXPECT_TRUE(task.take());
  });
  EXPECT_EQ(into, data.substr(kFrame / 2, into.size()));
}

TEST_F(FrameReaderTest, EveryRangeOfASegmentReadsAsItWasWritten) {
  const std::string data = put_segment(Seq(1), 20 * kFrame + 777);
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) {
    if (i % 50 == 0) cache_.clear();
    const std::size_t offset = random() % data.size();
    const std::size_t length = random() % (data.size() - offset + 1);
    ASSERT_EQ(read(Seq(1), offset, length).value(), data.substr(offset, length));
  }
}

TEST_F(FrameReaderTest, AThousandSmallFilesWrittenTogetherTakeEightGets) {
  const std::string data = put_segment(Seq(1), 1000 * 4096);
  for (std::size_t file = 0; file < 1000; ++file) {
    ASSERT_EQ(read(Seq(1), file * 4096, 4096).value(), data.substr(file * 4096, 4096));
  }
  EXPECT_EQ(gets(), 8U);
}

TEST_F(FrameReaderTest, InAnyOrderTheyTakeFewMore) {
  const std::string data = put_segment(Seq(1), 1000 * 4096);
  std::vector<std::size_t> files(1000);
  for (std::size_t i = 0; i < files.size(); ++i) files[i] = i;
  std::shuffle(files.begin(), files.end(), std::mt19937(2));
  for (const std::size_t file : files) {
    ASSERT_EQ(read(Seq(1), file * 4096, 4096).value(), data.substr(file * 4096, 4096));
  }
  EXPECT_LE(gets(), 14U);
}

TEST_F(FrameReaderTest, CompressedFramesComeSixteenAtATime) {
  put_segment(Seq(1), 64 * kFrame, true);
  for (std::size_t frame = 0; frame < 64; ++frame) (void)read(Seq(1), frame * kFrame, 100).value();
  EXPECT_EQ(gets(), 4U);
}

TEST_F(FrameReaderTest, ALargeReadIsGetsOfTwoMebibytesSideBySide) {
  const std::string data = put_segment(Seq(1), 16 * kMiB);
  EXPECT_EQ(read(Seq(1), 0, 16 * kMiB).value(), data);
  EXPECT_EQ(gets(), 8U);
  EXPECT_EQ(link_.gets_peak, 8U);
}

TEST_F(FrameReaderTest, OnlyWhatIsMissingIsAskedFor) {
  const std::string data = put_segment(Seq(1), 48 * kFrame);
  ASSERT_TRUE(read(Seq(1), 16 * kFrame, 16 * kFrame));
  gets();
  link_.lengths.clear();
  EXPECT_EQ(read(Seq(1), 0, 48 * kFrame).value(), data);
  EXPECT_EQ(gets(), 2U);
  EXPECT_THAT(link_.lengths, ::testing::Each(tables_[Seq(1)]->stored_range(0, 16).length));
}

TEST_F(FrameReaderTest, ConcurrentMissesShareOneGet) {
  const std::string data = put_segment(Seq(1), 8 * kFrame);
  constexpr int kReaders = 10;
  std::vector<std::string> into(kReaders, std::string(1000, '?'));
  std::vector<Task<Result<void>>> tasks;
  sim_.in_core([&] {
    for (int i = 0; i < kReaders; ++i) {
      const std::uint64_t offset = static_cast<std::uint64_t>(i) * 50'000;
      tasks.push_back(
          reader_->read({Seq(1), offset}, {reinterpret_cast<std::uint8_t*>(into[i].data()), 1000}));
    }
  });
  for (auto& task : tasks) EXPECT_TRUE(sim_.wait(std::move(task)));
  for (int i = 0; i < kReaders; ++i) EXPECT_EQ(into[i], data.substr(i * 50'000, 1000));
  EXPECT_EQ(gets(), 1U);
}

TEST_F(FrameReaderTest, WhatWasPrefetchedIsReadWithoutAGet) {
  const std::string data = put_segment(Seq(1), 8 * kMiB);
  prefetch(Seq(1), 0, 100 * kMiB);  // as far as there is any
  sim_.run_until_idle();
  EXPECT_EQ(gets(), 4U);
  EXPECT_EQ(read(Seq(1), 0, 8 * kMiB).value(), data);
  prefetch(Seq(1), 0, 8 * kMiB);
  EXPECT_EQ(gets(), 0U);
}

TEST_F(FrameReaderTest, AReadJoinsAPrefetchUnderWay) {
  const std::string data = put_segment(Seq(1), 4 * kMiB);
  prefetch(Seq(1), 0, 4 * kMiB);
  EXPECT_EQ(read(Seq(1), kMiB, 1000).value(), data.substr(kMiB, 1000));
  sim_.run_until_idle();
  EXPECT_EQ(gets(), 2U);
  EXPECT_GE(reader_->counters().joined, 1U);
}

TEST_F(FrameReaderTest, PrefetchesPastTheBoundAreDroppedAndReadsGoAhead) {
  make_reader({.read_ahead_bytes_max = 3 * kMiB});
  put_segment(Seq(1), 16 * kMiB);
  const std::string other = put_segment(Seq(2), kFrame);
  const std::uint64_t taken = prefetch(Seq(1), 0, 16 * kMiB);
  EXPECT_EQ(reader_->counters().gets, 8U);  // smaller ones, as there is little room
  EXPECT_EQ(taken, reader_->bytes_in_flight()) << "who asks is told";
  EXPECT_LE(reader_->bytes_in_flight(), 3 * kMiB);
  EXPECT_GT(reader_->counters().read_ahead_dropped, 0U);
  const Duration before = sim_.now();
  EXPECT_EQ(read(Seq(2), 0, kFrame).value(), other);
  EXPECT_LT(sim_.now() - before, std::chrono::milliseconds(25));  // one latency
  sim_.run_until_idle();
  EXPECT_EQ(reader_->bytes_in_flight(), 0U);
}

TEST_F(FrameReaderTest, GetsStaySmallInMemoryHoweverWellTheyCompress) {
  put_segment(Seq(1), 16 * kMiB, true);
  prefetch(Seq(1), 0, 16 * kMiB);
  EXPECT_EQ(reader_->bytes_in_flight(), 16 * kMiB);  // as it will be, not as it is stored
  sim_.run_until_idle();
  EXPECT_EQ(gets(), 4U);
}

TEST_F(FrameReaderTest, ReadsPastTheBoundWaitForTheirTurn) {
  make_reader({.demand_bytes_max = 4 * kMiB});
  const std::string data = put_segment(Seq(1), 16 * kMiB);
  EXPECT_EQ(read(Seq(1), 0, 16 * kMiB).value(), data);
  EXPECT_EQ(gets(), 8U);
  EXPECT_EQ(link_.gets_peak, 2U);
}

TEST_F(FrameReaderTest, AFrameThatArrivesBadIsAskedForOnceMore) {
  const std::string data = put_segment(Seq(1), 8 * kFrame);
  link_.bad_gets = 1;
  EXPECT_EQ(read(Seq(1), 0, 8 * kFrame).value(), data);
  EXPECT_EQ(gets(), 2U);
  EXPECT_EQ(link_.lengths.back(), tables_[Seq(1)]->stored_range(4).length);  // that one alone
}

TEST_F(FrameReaderTest, AFrameThatIsBadInTheStoreFailsItsReadsAlone) {
  const std::string data = put_segment(Seq(1), 8 * kFrame);
  memory_.damage(tables_[Seq(1)]->object_name(), tables_[Seq(1)]->stored_range(3).offset + 5);
  const auto bad = read(Seq(1), 3 * kFrame, 10);
  ASSERT_FALSE(bad);
  EXPECT_TRUE(is(bad.error(), EngineErrc::kDamaged));
  EXPECT_THAT(bad.error().message(), ::testing::HasSubstr(tables_[Seq(1)]->object_name()));
  EXPECT_EQ(gets(), 2U);
  EXPECT_EQ(read(Seq(1), 0, 3 * kFrame).value(), data.substr(0, 3 * kFrame));
  EXPECT_EQ(read(Seq(1), 4 * kFrame, 4 * kFrame).value(), data.substr(4 * kFrame));
  EXPECT_EQ(gets(), 0U);
}

TEST_F(FrameReaderTest, AnObjectThatWasCutShortIsDamagedWhereItIsCut) {
  const std::string data = put_segment(Seq(1), 8 * kFrame);
  const std::string name = tables_[Seq(1)]->object_name();
  const SharedBytes whole = memory_.objects().at(name).body;
  const SharedBytes half = whole.slice(0, tables_[Seq(1)]->stored_range(4).offset + 10);
  ASSERT_TRUE(sim_.wait([&] { return memory_.put(name, half, {}); }));
  EXPECT_EQ(read(Seq(1), 0, 4 * kFrame).value(), data.substr(0, 4 * kFrame));
  const auto cut = read(Seq(1), 4 * kFrame, 10);
  ASSERT_FALSE(cut);
  EXPECT_TRUE(is(cut.error(), EngineErrc::kDamaged));
}

TEST_F(FrameReaderTest, AMissingObjectIsLost) {
  put_segment(Seq(1), kFrame);
  memory_.lose(tables_[Seq(1)]->object_name());
  for (int i = 0; i < 2; ++i) {
    const auto lost = read(Seq(1), 0, 10);
    ASSERT_FALSE(lost);
    EXPECT_TRUE(is(lost.error(), EngineErrc::kLost));
    EXPECT_THAT(lost.error().message(), ::testing::HasSubstr(tables_[Seq(1)]->object_name()));
  }
}

TEST_F(FrameReaderTest, RangesOutsideTheSegmentAreDamageAndUnknownSegmentsTheLookupsError) {
  put_segment(Seq(1), 1000);
  for (const auto& [offset, length] : std::vector<std::pair<std::uint64_t, std::size_t>>{
           {0, 1001}, {1000, 1}, {UINT64_MAX, 2}, {UINT64_MAX - 1, 1}}) {
    const auto outside = read(Seq(1), offset, length);
    ASSERT_FALSE(outside);
    EXPECT_TRUE(is(outside.error(), EngineErrc::kDamaged));
  }
  EXPECT_TRUE(read(Seq(1), 1000, 0));
  EXPECT_FALSE(read(Seq(9), 0, 1));
  EXPECT_EQ(prefetch(Seq(9), 0, 1), 1U) << "there is nothing to come back for";
  prefetch(Seq(1), UINT64_MAX, UINT64_MAX);
  EXPECT_EQ(gets(), 0U);
}

TEST_F(FrameReaderTest, StoppingWaitsForGetsUnderWayAndRefusesNewReads) {
  put_segment(Seq(1), 8 * kMiB);
  prefetch(Seq(1), 0, 8 * kMiB);
  sim_.wait([&] { return stopped(&*reader_); }).value();
  EXPECT_EQ(reader_->bytes_in_flight(), 0U);
  const auto late = read(Seq(1), 0, 1);
  ASSERT_FALSE(late);
  EXPECT_TRUE(is(late.error(), EngineErrc::kStopped));
  prefetch(Seq(1), 0, 8 * kMiB);
  EXPECT_EQ(reader_->bytes_in_flight(), 0U);
}

class EncryptedFrameReaderTest : public FrameReaderTest {
 protected:
  EncryptedFrameReaderTest() : FrameReaderTest(format::Sealer::encrypted(format::VolumeKey{})) {}
};
TEST_F(EncryptedFrameReaderTest, ReadsEncryptedFrames) {
  const std::string data = put_segment(Seq(1), 3 * kMiB);
  EXPECT_EQ(read(Seq(1), 0, 3 * kMiB).value(), data);
}

class TinyCacheFrameReaderTest : public FrameReaderTest {
 protected:
  TinyCacheFrameReaderTest() : FrameReaderTest(format::Sealer::checksummed(), kMiB) {}
};
TEST_F(TinyCacheFrameReaderTest, ALargeReadDoesNotNeedRoomInTheCache) {
  const std::string data = put_segment(Seq(1), 16 * kMiB);
  EXPECT_EQ(read(Seq(1), 0, 16 * kMiB).value(), data);
  EXPECT_EQ(gets(), 8U);
}
TEST_F(TinyCacheFrameReaderTest, RandomReadsOfALargeFileEndUpFetchingSingleFrames) {
  for (std::uint64_t seq = 1; seq <= 8; ++seq) put_segment(Seq(seq), 16 * kMiB);
  std::mt19937 random(4);
  const auto some_reads = [&](int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(read(Seq(1 + random() % 8), random() % 4000 * 4096, 4096));
    }
  };
  some_reads(1000);
  link_.lengths.clear();
  some_reads(100);
  EXPECT_THAT(link_.lengths, ::testing::Each(::testing::Le(kFrame + format::kSealBytes)));
}

/// Reads until told enough, from its own place on; one of many in the core of a real runtime.
Task<> keep_reading(FrameReader* reader, const std::string* data, std::uint64_t seed,
                    std::promise<bool>* ended) {
  std::mt19937_64 random(seed);
  bool right = true;
  for (int i = 0; i < 200 && right; ++i) {
    const std::size_t offset = random() % data->size();
    std::string into(std::min<std::size_t>(random() % (2 * kMiB), data->size() - offset), '?');
    const auto result = co_await reader->read(
        {Seq(1), offset}, {reinterpret_cast<std::uint8_t*>(into.data()), into.size()});
    right = result && into == data->substr(offset, into.size());
  }
  ended->set_value(right);
}

Task<> stop_reading(FrameReader* reader, std::promise<bool>* ended) {
  co_await reader->stop();
  ended->set_value(true);
}

TEST_F(TinyCacheFrameReaderTest, OnRealThreadsEveryReaderSeesTheRightBytes) {
  const std::string data = put_segment(Seq(1), 4 * kMiB);
  RealRuntime real({.io_threads = 1, .pool_threads = 3});
  FrameReader reader(real.runtime(), memory_, sealer_, BlockPool(kFrame, kMiB), cache_,
                     [&](Seq seq) -> Result<FrameTables::Table> { return tables_.at(seq); });
  std::vector<std::promise<bool>> ended(4);
  for (std::size_t i = 0; i < ended.size(); ++i) {
    real.runtime().core.dispatch([&, i] { keep_reading(&reader, &data, i, &ended[i]).detach(); });
  }
  for (auto& one : ended) EXPECT_TRUE(one.get_future().get());
  std::promise<bool> stopped;
  real.runtime().core.dispatch([&] { stop_reading(&reader, &stopped).detach(); });
  EXPECT_TRUE(stopped.get_future().get());
  real.stop();
}

TEST(NeighbourPolicy, ShrinksWhenNeighboursAreWastedAndGrowsWhenTheyHelp) {
  NeighbourPolicy policy;
  EXPECT_EQ(policy.frames(), NeighbourPolicy::kFramesMax);
  std::uint64_t used = 0;
  std::uint64_t wasted = 0;
  for (int i = 0; i < 1000; ++i) policy.on_miss(used, wasted += 8, false);
  EXPECT_EQ(policy.frames(), 1U);
  for (int i = 0; i < 1000; ++i) policy.on_miss(used, wasted, false);
  EXPECT_EQ(policy.frames(), 1U);  // nothing says that more would help
  for (int i = 0; i < 1000; ++i) policy.on_miss(used, wasted, true);
  EXPECT_EQ(policy.frames(), 2U);
  for (int i = 0; i < 1000; ++i) policy.on_miss(used += 2, wasted, false);
  EXPECT_EQ(policy.frames(), NeighbourPolicy::kFramesMax);
}

}  // namespace
}  // namespace cairn::engine
