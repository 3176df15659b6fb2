#include "fsd/vfs/file_data.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <deque>
#include <string>

#include "fsd/runtime/await.h"
#include "fsd/vfs/read_stream.h"
#include "fsd/vfs/zero_runs.h"
#include "tests/unit/vfs/file_data_fixture.h"

namespace cairn::vfs {
namespace {

constexpr Ino kFile{5};
constexpr Ino kCopy{6};
constexpr std::size_t kPage = 4096;
constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

std::string data_bytes(std::size_t length, char fill = 'd') { return std::string(length, fill); }

TEST(FileDataExtents, AFileWrittenFrontToBackIsOneExtentPerSegment) {
  FileWorld world;
  for (std::uint64_t i = 0; i < 100; ++i) world.write(kFile, i * 1000, data_bytes(1000));
  EXPECT_EQ(world.extents(kFile).size(), 1U);
  world.sync();
  world.write(kFile, 100'000, data_bytes(1000));
  EXPECT_EQ(world.extents(kFile).size(), 2U);
  EXPECT_EQ(world.inode(kFile).blocks, 101'000U);
  world.check_invariants();
}

TEST(FileDataExtents, BytesOfTheOpenSegmentAreOverwrittenInPlace) {
  FileWorld world;
  world.write(kFile, 0, data_bytes(10'000));
  const auto before = world.extents(kFile);
  world.write(kFile, 5000, data_bytes(100, 'x'));
  EXPECT_EQ(world.extents(kFile), before);
  EXPECT_EQ(world.read(kFile, 4999, 3), "dxx");
}

TEST(FileDataExtents, OverwritingTheTailAndGoingOnStaysOneExtent) {
  FileWorld world;
  world.write(kFile, 0, data_bytes(5000));
  world.write(kFile, 4096, data_bytes(4096, 'x'));
  EXPECT_EQ(world.extents(kFile).size(), 1U);
  EXPECT_EQ(world.volume.referenced_bytes(), 8192);
}

TEST(FileDataExtents, OverwritingSealedBytesPartsTheOldExtent) {
  FileWorld world;
  world.write(kFile, 0, data_bytes(3000));
  world.sync();
  world.write(kFile, 1000, data_bytes(1000, 'x'));
  const auto extents = world.extents(kFile);
  ASSERT_EQ(extents.size(), 3U);
  EXPECT_EQ(extents[2].record.data_offset, 2000U);
  EXPECT_EQ(world.read(kFile, 999, 1002), "d" + data_bytes(1000, 'x') + "d");
  world.check_invariants();
}

TEST(FileDataExtents, WholeZeroPagesBecomeHoles) {
  FileWorld world;
  const std::string zeros(4 * kPage, '\0');
  world.write(kFile, 0, zeros);
  EXPECT_EQ(world.inode(kFile).size, 4 * kPage);
  EXPECT_EQ(world.inode(kFile).blocks, 0U);

  world.write(kFile, 0, data_bytes(4 * kPage));
  world.sync();
  world.write(kFile, 100, zeros.substr(0, 3 * kPage));
  EXPECT_EQ(world.inode(kFile).blocks, 2 * kPage) << "two whole pages of the four";
  EXPECT_EQ(world.extents(kFile).size(), 4U) << "front, zeros in page 0, zeros in page 3, end";
  world.check_invariants();
}

TEST(FileDataExtents, ZerosLeavePreallocatedRoomAsItIs) {
  FileWorld world;
  world.allocate(kFile, 0, 0, 4 * kPage);
  world.write(kFile, kPage, std::string(kPage, '\0'));
  EXPECT_EQ(world.extents(kFile).size(), 1U);
  EXPECT_EQ(world.inode(kFile).blocks, 4 * kPage);
}

TEST(FileDataZeroRuns, FindsAlignedPagesOnly) {
  struct Case {
    std::uint64_t offset;
    std::string bytes;
    std::vector<std::size_t> ends;
    bool first_zero;
  };
  const std::string zeros(kPage, '\0');
  const std::string ones(kPage, '\1');
  std::string last_byte = zeros;
  last_byte.back() = 1;
  const Case cases[] = {
      {0, zeros, {kPage}, true},
      {0, zeros.substr(1), {kPage - 1}, false},
      {1, zeros, {kPage}, false},
      {1, zeros + zeros, {kPage - 1, 2 * kPage - 1, 2 * kPage}, false},
      {0, last_byte, {kPage}, false},
      {0, ones + zeros + zeros + ones, {kPage, 3 * kPage, 4 * kPage}, false},
      {0, zeros + ones.substr(0, 5), {kPage, kPage + 5}, true},
      {0, "x", {1}, false},
  };
  for (const Case& c : cases) {
    std::vector<std::size_t> ends;
    bool zero = c.first_zero;
    for (vfs::Run run; run.end < c.bytes.size(); zero = !zero) {
      run = next_run(c.offset, as_bytes(c.bytes), run.end);
      EXPECT_EQ(run.zero, zero);
      ends.push_back(run.end);
    }
    EXPECT_EQ(ends, c.ends);
  }
}

TEST(FileDataZeroRuns, EveryNonZeroByteIsSeen) {
  for (std::size_t length : {1U, 15U, 16U, 17U, 100U}) {
    std::string bytes(length, '\0');
    EXPECT_TRUE(is_zero(as_bytes(bytes)));
    for (std::size_t i = 0; i < length; ++i) {
      bytes[i] = 1;
      EXPECT_FALSE(is_zero(as_bytes(bytes))) << i << " of " << length;
      bytes[i] = 0;
    }
  }
}

TEST(FileDataLimits, OffsetsPastTheLargestFileAreRefused) {
  FileWorld world;
  EXPECT_EQ(world.write(kFile, kFileBytesMax - 1, "ab"), EFBIG);
  EXPECT_EQ(world.write(kFile, UINT64_MAX, "ab"), EFBIG);
  EXPECT_EQ(world.write(kFile, kFileBytesMax - 2, "ab"), 0);
  EXPECT_EQ(world.truncate(kFile, kFileBytesMax + 1), EFBIG);
  EXPECT_EQ(world.allocate(kFile, 0, kFileBytesMax, 1), EFBIG);
  EXPECT_EQ(world.allocate(kFile, 0, 1, UINT64_MAX), EFBIG);
  EXPECT_EQ(to_errno(world.copy(kFile, kFileBytesMax - 2, kCopy, kFileBytesMax - 1, 2).error()),
            EFBIG);
  EXPECT_EQ(*world.copy(kFile, kFileBytesMax, kCopy, 0, UINT64_MAX), 0U);
  EXPECT_EQ(world.read(kFile, kFileBytesMax - 2, 10), "ab");
  world.check_invariants();
}

TEST(FileDataAllocate, KnowsItsModes) {
  struct Case {
    int mode;
    int answer;
  };
  const Case cases[] = {
      {0, 0},
      {FALLOC_FL_KEEP_SIZE, 0},
      {FALLOC_FL_ZERO_RANGE, 0},
      {FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0},
      {kPunch, 0},
      {FALLOC_FL_PUNCH_HOLE, EOPNOTSUPP},
      {FALLOC_FL_COLLAPSE_RANGE, EOPNOTSUPP},
      {FALLOC_FL_INSERT_RANGE, EOPNOTSUPP},
      {FALLOC_FL_UNSHARE_RANGE, EOPNOTSUPP},
      {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, EOPNOTSUPP},
  };
  for (const Case& c : cases) {
    FileWorld world;
    EXPECT_EQ(world.allocate(kFile, c.mode, 10, 20), c.answer) << c.mode;
    EXPECT_EQ(world.allocate(kFile, c.mode, 10, 0), c.answer == 0 ? EINVAL : c.answer) << c.mode;
  }
}

TEST(FileDataAllocate, PreallocatedRoomCountsReadsAsZerosAndIsAHole) {
  FileWorld world;
  EXPECT_EQ(world.allocate(kFile, FALLOC_FL_KEEP_SIZE, 0, 1U << 30), 0);
  EXPECT_EQ(world.inode(kFile).size, 0U);
  EXPECT_EQ(world.inode(kFile).blocks, 1U << 30);
  world.write(kFile, 100, "abc");
  EXPECT_EQ(world.inode(kFile).blocks, 1U << 30);
  EXPECT_EQ(world.read(kFile, 98, 10), std::string("\0\0abc", 5));
  EXPECT_EQ(*world.data->seek(kFile, world.inode(kFile), 0, SEEK_DATA), 100U);
  EXPECT_EQ(*world.data->seek(kFile, world.inode(kFile), 50, SEEK_HOLE), 50U);
  EXPECT_EQ(*world.data->seek(kFile, world.inode(kFile), 101, SEEK_HOLE), 103U);
  world.truncate(kFile, 103);
  EXPECT_EQ(world.inode(kFile).blocks, 103U) << "room past the end goes";
}

TEST(FileDataSeek, AnswersAsLseekDoes) {
  FileWorld world;
  world.write(kFile, kPage, "abc");
  world.truncate(kFile, std::uint64_t{1} << 50);
  const InodeRecord inode = world.inode(kFile);
  auto seek = [&](std::uint64_t offset, int whence) {
    return world.data->seek(kFile, inode, offset, whence);
  };
  EXPECT_EQ(*seek(0, SEEK_DATA), kPage);
  EXPECT_EQ(*seek(0, SEEK_HOLE), 0U);
  EXPECT_EQ(*seek(kPage + 1, SEEK_HOLE), kPage + 3);
  EXPECT_EQ(to_errno(seek(kPage + 3, SEEK_DATA).error()), ENXIO);
  EXPECT_EQ(to_errno(seek(inode.size, SEEK_HOLE).error()), ENXIO);
  EXPECT_EQ(to_errno(seek(0, SEEK_SET).error()), EINVAL);
}

TEST(FileDataCopy, SharesBytesUntilOneIsWritten) {
  FileWorld world;
  world.write(kFile, 0, data_bytes(3000));
  EXPECT_EQ(*world.copy(kFile, 500, kCopy, 10'000, 2000), 2000U);
  EXPECT_EQ(world.count_keys(format::KeyKind::kReverse), 2U);
  EXPECT_EQ(world.volume.referenced_bytes(), 5000);
  world.check_invariants();
  world.write(kFile, 1000, "new");
  EXPECT_EQ(world.read(kCopy, 10'499, 5), "ddddd") << "not written in place";
  EXPECT_EQ(world.read(kFile, 999, 5), "dnewd");
  world.check_invariants();
  world.free_all(kFile);
  EXPECT_EQ(world.read(kCopy, 10'000, 2000), data_bytes(2000));
}

TEST(FileDataCopy, PiecesCopiedOneByOneMergeAgain) {
  FileWorld world;
  world.write(kFile, 0, data_bytes(8000));
  for (std::uint64_t at = 0; at < 8000; at += 1000) {
    EXPECT_EQ(*world.copy(kFile, at, kCopy, at, 1000), 1000U);
  }
  EXPECT_EQ(world.extents(kCopy).size(), 1U);
  world.check_invariants();
}

TEST(FileDataCopy, IsShortWhereATransactionWouldGrowTooLarge) {
  FileWorld world(1, 4);
  for (std::uint64_t i = 0; i < 10; ++i) world.write(kFile, 10 * i, "x");
  std::uint64_t done = 0;
  int calls = 0;
  while (done < 91) {
    auto copied = world.copy(kFile, done, kCopy, done, 91 - done);
    ASSERT_TRUE(copied && *copied > 0);
    done += *copied;
    ++calls;
  }
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(world.read(kCopy, 0, 100), world.read(kFile, 0, 100));
}

TEST(FileDataTrim, AFileThatGrowsAgainBeforeItWasTrimmedShowsZeros) {
  FileWorld world(1, 4);
  for (std::uint64_t i = 0; i < 20; ++i) world.write(kFile, 10 * i, "old");
  world.truncate(kFile, 5);
  EXPECT_TRUE(*world.data->has_pending_trims());
  world.truncate(kFile, 200);
  EXPECT_EQ(world.read(kFile, 5, 195), std::string(195, '\0'));
  world.write(kFile, 50, "new");
  EXPECT_EQ(world.read(kFile, 45, 20), std::string(5, '\0') + "new" + std::string(12, '\0'));
  EXPECT_EQ(to_errno(world.data->seek(kFile, world.inode(kFile), 60, SEEK_DATA).error()), ENXIO);
  world.check_invariants();
  world.sync();
  world.crash();
  EXPECT_TRUE(*world.data->has_pending_trims()) << "a trim goes on after a crash";
  world.finish_trims();
  EXPECT_FALSE(*world.data->has_pending_trims());
  EXPECT_EQ(world.inode(kFile).blocks, 3U + 3U);
  EXPECT_EQ(world.read(kFile, 45, 20), std::string(5, '\0') + "new" + std::string(12, '\0'));
  world.check_invariants();
}

// What lies before a new extent in the file and in the segment, but may not be continued.

TEST(FileDataMerge, NewBytesDoNotContinueStaleOnes) {
  FileWorld world(1, 1);
  world.write(kFile, 0, "x");
  world.write(kFile, 10, "old!");
  EXPECT_EQ(world.allocate(kFile, kPunch, 0, 14), 0);
  world.write(kFile, 14, "new");
  EXPECT_EQ(world.read(kFile, 10, 10), std::string("\0\0\0\0new", 7));
  world.check_invariants();
}

TEST(FileDataMerge, CopiesDoNotContinueStaleOnes) {
  FileWorld world(1, 1);
  world.write(kFile, 0, "abcdefgh");
  world.write(kCopy, 0, "z");
  EXPECT_EQ(*world.copy(kFile, 0, kCopy, 10, 4), 4U);
  EXPECT_EQ(world.allocate(kCopy, kPunch, 0, 14), 0);
  EXPECT_EQ(*world.copy(kFile, 4, kCopy, 14, 4), 4U);
  EXPECT_EQ(world.read(kCopy, 10, 10), std::string("\0\0\0\0efgh", 8));
  world.check_invariants();
}

TEST(FileDataMerge, CopiesDoNotContinueBytesOfOneFileAlone) {
  FileWorld world;
  world.write(kFile, 0, "abcd");
  world.write(kFile, 100, "efgh");
  EXPECT_EQ(*world.copy(kFile, 100, kFile, 4, 4), 4U);
  world.check_invariants();
  world.write(kFile, 4, "E");
  EXPECT_EQ(world.read(kFile, 100, 4), "efgh");
}

TEST(FileDataTrim, LetsOthersIntoTheCoreBetweenItsSteps) {
  FileWorld world(1, 1);
  for (std::uint64_t i = 0; i < 10; ++i) world.write(kFile, 10 * i, "old");
  world.truncate(kFile, 0);
  auto trim = world.data->finish_trims();
  EXPECT_FALSE(trim.done());
  EXPECT_EQ(world.write(kFile, 0, "a file that grew meanwhile"), 0);
  auto second = world.data->finish_trims();
  EXPECT_TRUE(second.done()) << "one is enough";
  EXPECT_TRUE(world.sim.wait(std::move(trim)));
  EXPECT_EQ(world.read(kFile, 0, 100), "a file that grew meanwhile");
  EXPECT_EQ(world.volume.referenced_bytes(), 26);
}

TEST(FileDataTrim, AReadOnlyVolumeShowsStaleBytesAsHolesWhileItsWriterTrims) {
  FileWorld world(1, 1);
  for (std::uint64_t i = 0; i < 4; ++i) world.write(kFile, 10 * i, "old");
  world.volume.set_read_only(true);
  world.restart();
  EXPECT_EQ(world.read(kFile, 10, 3), "old");
  // Elsewhere, a writer truncates to 10 and lets the file grow again.
  const std::string trim = format::trim_key(kFile) + format::trim_key(Ino{10}).substr(1) +
                           format::trim_key(Ino{UINT64_MAX}).substr(1);
  world.volume.put(trim, "\1");
  EXPECT_EQ(world.read(kFile, 0, 13), std::string("old") + std::string(10, '\0'));
  EXPECT_FALSE(*world.data->has_pending_trims()) << "not ours to free";
  world.finish_trims();
  world.volume.erase(trim);
  EXPECT_EQ(world.read(kFile, 10, 3), "old");
  world.volume.put(trim.substr(0, 10), "\1");
  auto damaged = world.sim.wait(world.data->read(kFile, 33, 0, {}));
  EXPECT_TRUE(damaged) << "nothing to read needs nothing";
  std::uint8_t byte = 0;
  EXPECT_FALSE(world.sim.wait(world.data->read(kFile, 33, 0, {&byte, 1})));
}

TEST(FileDataTrim, StopsBetweenTwoSteps) {
  FileWorld world(1, 1);
  for (std::uint64_t i = 0; i < 10; ++i) world.write(kFile, 10 * i, "old");
  world.truncate(kFile, 0);
  auto trim = world.data->finish_trims();
  world.data->stop_trims();
  EXPECT_TRUE(world.sim.wait(std::move(trim)));
  EXPECT_TRUE(*world.data->has_pending_trims());
  world.restart();
  world.finish_trims();
  EXPECT_EQ(world.volume.referenced_bytes(), 0);
}

TEST(FileDataErrors, DamagedRecordsFailWhatNeedsThem) {
  FileWorld world;
  world.write(kFile, 0, "good");
  world.write(kFile, 100, "good");
  world.volume.put(format::extent_key(kFile, 100), "bad");
  EXPECT_EQ(world.write(kFile, 90, data_bytes(20)), EIO);
  EXPECT_EQ(world.truncate(kFile, 50), EIO);
  std::string into(200, '?');
  auto result = world.sim.wait(
      world.data->read(kFile, 104, 0, {reinterpret_cast<std::uint8_t*>(into.data()), into.size()}));
  EXPECT_FALSE(result);
  EXPECT_EQ(world.write(kFile, 10, "good"), 0);
}

TEST(FileDataErrors, OverlappingExtentsAreDamage) {
  FileWorld world;
  world.write(kFile, 0, data_bytes(100));
  world.volume.put(format::extent_key(kFile, 50),
                   format::encode(format::ExtentRecord{.length = 9}));
  EXPECT_EQ(world.truncate(kFile, 0), EIO);
}

/// A volume whose file bytes come only when the test says so.
class ColdVolume final : public engine::Volume {
 public:
  Result<std::optional<std::string>> find(std::string_view key) override { return inner.find(key); }
  Result<void> scan(std::string_view first, std::string_view end, const Visitor& visit) override {
    return inner.scan(first, end, visit);
  }
  Result<std::optional<std::pair<std::string, std::string>>> find_floor(
      std::string_view first, std::string_view key) override {
    return inner.find_floor(first, key);
  }
  Task<Result<void>> admit(std::size_t bytes) override { return inner.admit(bytes); }
  void put(std::string_view key, std::string_view value) override { inner.put(key, value); }
  void erase(std::string_view key) override { inner.erase(key); }
  engine::DataRef append(ByteView bytes) override { return inner.append(bytes); }
  bool overwrite(engine::DataRef at, ByteView bytes) override { return inner.overwrite(at, bytes); }
  void add_reference(engine::DataRef at, std::uint64_t n) override { inner.add_reference(at, n); }
  void drop_reference(engine::DataRef at, std::uint64_t n) override { inner.drop_reference(at, n); }
  [[nodiscard]] Seq open_segment() const override { return inner.open_segment(); }
  [[nodiscard]] Seq durable_end() const override { return inner.durable_end(); }
  Task<Result<void>> sync(Seq upto) override { return inner.sync(upto); }
  Task<Result<void>> read(engine::DataRef from, MutableByteView into,
                          const CancelFlag* cancel) override {
    OneShot<Result<void>>& turn = waiting.emplace_back();
    Result<void> outcome = co_await turn;
    if (is_cancelled(cancel)) co_return errno_error(EINTR);
    if (!outcome) co_return outcome;
    std::string bytes(into.size(), from.segment == Seq{} ? '0' : 'r');
    std::copy(bytes.begin(), bytes.end(), into.begin());
    co_return Result<void>();
  }
  [[nodiscard]] std::uint64_t prefetch_bytes_max() const override { return prefetch_max; }
  std::uint64_t prefetch(engine::DataRef from, std::uint64_t length) override {
    length = std::min(length, takes);
    takes -= length;
    if (length > 0) prefetched.emplace_back(from, length);
    return length;
  }
  [[nodiscard]] bool read_only() const override { return inner.read_only(); }
  [[nodiscard]] Term term() const override { return inner.term(); }
  void set_observer(Observer* observer) override { inner.set_observer(observer); }

  testing::MemoryVolume inner;
  std::deque<OneShot<Result<void>>> waiting;
  std::vector<std::pair<engine::DataRef, std::uint64_t>> prefetched;
  std::uint64_t prefetch_max = UINT64_MAX;
  std::uint64_t takes = UINT64_MAX;
};

class ColdReads : public ::testing::Test {
 protected:
  ColdReads() : data(sim.runtime(), volume, [](Ino, std::uint64_t) { return Result<void>(); }) {
    for (std::uint64_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(data.write(kFile, inode, 10 * i, as_bytes("abcd")));
    }
  }
  Task<Result<std::size_t>> read(const CancelFlag* cancel = nullptr) {
    return data.read(kFile, inode.size, 0,
                     {reinterpret_cast<std::uint8_t*>(into.data()), into.size()}, cancel);
  }
  testing::SimRuntime sim{1};
  ColdVolume volume;
  FileData data;
  InodeRecord inode;
  std::string into = std::string(24, '?');
};

TEST_F(ColdReads, AllPiecesAreAskedForAtOnce) {
  auto task = read();
  ASSERT_EQ(volume.waiting.size(), 3U);
  for (auto& turn : volume.waiting) turn.set({});
  ASSERT_TRUE(task.done());
  EXPECT_EQ(*task.take(), 24U);
  EXPECT_EQ(into.substr(8, 8), std::string("\0\0rrrr\0\0", 8));
}

TEST_F(ColdReads, AnErrorIsReportedWhenNoPieceIsUnderWayAnyMore) {
  auto task = read();
  volume.waiting[0].set(Error(engine::EngineErrc::kDamaged, ""));
  volume.waiting[2].set({});
  EXPECT_FALSE(task.done());
  volume.waiting[1].set({});
  ASSERT_TRUE(task.done());
  EXPECT_FALSE(task.take());
}

TEST_F(ColdReads, AfterAReaderHasGoneHisMemoryIsLeftAlone) {
  CancelFlag gone;
  auto task = read(&gone);
  volume.waiting[0].set({});
  gone.set();
  const std::string before = into;
  volume.waiting[1].set({});
  volume.waiting[2].set({});
  ASSERT_TRUE(task.done());
  EXPECT_EQ(to_errno(task.take().error()), EINTR);
  EXPECT_EQ(into, before);
}

TEST_F(ColdReads, PrefetchNamesTheBytesOfTheRange) {
  EXPECT_TRUE(data.prefetch(kFile, inode.size, 2, 10));
  ASSERT_EQ(volume.prefetched.size(), 1U) << "side by side in the segment";
  EXPECT_EQ(volume.prefetched[0].first.offset, 2U);
  EXPECT_EQ(volume.prefetched[0].second, 4U);
  EXPECT_TRUE(data.write(kFile, inode, 60, as_bytes("abcd")));
  EXPECT_TRUE(data.write(kFile, inode, 40, as_bytes("abcd")));
  EXPECT_TRUE(data.prefetch(kFile, inode.size, 20, UINT64_MAX));
  EXPECT_EQ(volume.prefetched.size(), 4U);
  EXPECT_TRUE(data.prefetch(kFile, inode.size, 1000, 10));
  EXPECT_EQ(volume.prefetched.size(), 4U);
}

TEST_F(ColdReads, PrefetchTellsHowFarItCame) {
  EXPECT_TRUE(data.write(kFile, inode, 60, as_bytes("abcd")));
  EXPECT_EQ(data.prefetch(kFile, inode.size, 2, 60).value(), 60U);
  volume.takes = 3;
  EXPECT_EQ(data.prefetch(kFile, inode.size, 2, 60).value(), 3U) << "at least";
  EXPECT_EQ(data.prefetch(kFile, inode.size, 2, 60).value(), 0U);
  EXPECT_EQ(data.prefetch(kFile, inode.size, 500, 60).value(), 60U) << "nothing is there";
}

TEST_F(ColdReads, ASequentialReaderIsReadAheadFor) {
  const std::string bytes = data_bytes(1U << 20);
  EXPECT_TRUE(data.write(kFile, inode, 0, as_bytes(bytes)));
  ReadStream stream;
  for (std::uint64_t at = 0; at < 10 * kPage; at += kPage) {
    stream.on_read(data, kFile, inode.size, at, kPage);
  }
  std::uint64_t end = 0;
  for (const auto& [ref, length] : volume.prefetched) {
    end = std::max(end, ref.offset - volume.prefetched[0].first.offset + length);
  }
  EXPECT_GE(end, ReadAhead::kWindowMin);
}

TEST_F(ColdReads, ReadersShareWhatMayBeReadAhead) {
  constexpr std::uint64_t kLarge = 8U << 20;
  volume.prefetch_max = 1U << 20;
  EXPECT_TRUE(data.write(kFile, inode, 0, as_bytes(data_bytes(kLarge))));
  const auto most_ahead = [&](std::size_t readers) {
    std::vector<ReadStream> streams(readers);
    std::vector<std::uint64_t> asked(readers);
    std::uint64_t most = 0;
    for (std::uint64_t at = 0; at < kLarge / 2; at += 16 * kPage) {
      for (std::size_t i = 0; i < readers; ++i) {
        const std::size_t before = volume.prefetched.size();
        streams[i].on_read(data, kFile, inode.size, at, 16 * kPage);
        for (std::size_t k = before; k < volume.prefetched.size(); ++k) {
          asked[i] += volume.prefetched[k].second;
        }
        if (at > kLarge / 4)
          most = std::max(most, asked[i] - at);  // the first read is not asked for
      }
    }
    return most;
  };
  EXPECT_EQ(most_ahead(1), 1U << 20);
  EXPECT_EQ(most_ahead(4), 1U << 18);
}

TEST_F(ColdReads, AWriterMayChangeTheFileMeanwhile) {
  auto task = read();
  EXPECT_TRUE(data.truncate(kFile, inode, 12));
  EXPECT_TRUE(data.write(kFile, inode, 0, as_bytes("ABCD")));
  for (auto& turn : volume.waiting) turn.set({});
  ASSERT_TRUE(task.done());
  EXPECT_EQ(*task.take(), 24U);
}

}  // namespace
}  // namespace cairn::vfs
