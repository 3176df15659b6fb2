// FileData against files that are plain strings, over random histories. Some of them allow only a
// few extents per transaction, so that nearly every truncation and punch leaves stale spans, into
// which the next steps write, grow and copy.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <random>
#include <string>

#include "tests/unit/vfs/file_data_fixture.h"

namespace cairn::vfs {
namespace {

constexpr std::uint64_t kPage = 4096;

struct Settings {
  std::uint64_t unit;  // offsets are multiples of it, or near
  std::uint64_t size_max;
  int steps;
  std::size_t extents_per_step = kExtentsPerStep;
};

class History {
 public:
  History(std::uint64_t seed, Settings settings)
      : world_(seed, settings.extents_per_step), random_(seed), settings_(settings) {}

  void run() {
    for (int step = 0; step < settings_.steps; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      one_step();
      ASSERT_NO_FATAL_FAILURE(compare());
    }
    world_.finish_trims();
    compare();
    EXPECT_EQ(world_.count_keys(format::KeyKind::kTrim), 0U);
    for (Ino ino : kFiles) world_.free_all(ino);
    EXPECT_EQ(world_.volume.referenced_bytes(), 0);
    EXPECT_EQ(world_.count_keys(format::KeyKind::kExtent), 0U);
    EXPECT_EQ(world_.count_keys(format::KeyKind::kReverse), 0U);
  }

 private:
  static constexpr std::array<Ino, 2> kFiles{Ino{5}, Ino{6}};
  using Contents = std::map<Ino, std::string>;

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::uint64_t place() {
    std::uint64_t at = below(settings_.size_max / settings_.unit) * settings_.unit;
    if (below(3) == 0) at += below(settings_.unit);
    return at;
  }
  std::string some_bytes(std::size_t length) {
    std::string bytes(length, static_cast<char>('a' + below(26)));
    for (std::size_t i = 0; i < length; i += 1 + below(kPage)) {
      bytes[i] = static_cast<char>(below(256));
    }
    if (below(3) == 0) {
      const std::size_t from = below(length);
      const std::size_t count = below(length - from + 1);
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), count, '\0');
    }
    return bytes;
  }
  std::string& grown(Ino ino, std::uint64_t size) {
    std::string& bytes = now_[ino];
    if (bytes.size() < size) bytes.resize(size, '\0');
    return bytes;
  }

  void one_step() {
    const Ino ino = kFiles[below(2)];
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        write(ino);
        break;
      case 4:
        truncate(ino);
        break;
      case 5:
      case 6:
        allocate(ino);
        break;
      case 7:
      case 8:
        copy(ino, kFiles[below(2)]);
        break;
      case 9:
        world_.sync();
        durable_ = now_;
        break;
      case 10:
        if (below(4) == 0) {
          world_.crash();
          now_ = durable_;
        }
        break;
      default:
        if (below(3) == 0) world_.finish_trims();
        break;
    }
  }
  void write(Ino ino) {
    const std::uint64_t offset = below(4) == 0 ? last_end_ : place();
    const std::string bytes = some_bytes(1 + below(3 * settings_.unit));
    ASSERT_EQ(world_.write(ino, offset, bytes), 0);
    grown(ino, offset + bytes.size()).replace(offset, bytes.size(), bytes);
    last_end_ = (offset + bytes.size()) % (2 * settings_.size_max);
  }
  void truncate(Ino ino) {
    const std::uint64_t size = place();
    ASSERT_EQ(world_.truncate(ino, size), 0);
    now_[ino].resize(size, '\0');
  }
  void allocate(Ino ino) {
    const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                         FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
    const int mode = modes[below(5)];
    const std::uint64_t offset = place();
    const std::uint64_t length = 1 + below(below(3) == 0 ? settings_.size_max : 4 * settings_.unit);
    ASSERT_EQ(world_.allocate(ino, mode, offset, length), 0);
    std::string& bytes = now_[ino];
    if ((mode & FALLOC_FL_KEEP_SIZE) == 0) grown(ino, offset + length);
    if ((mode & ~FALLOC_FL_KEEP_SIZE) == 0 || offset >= bytes.size()) return;
    const std::uint64_t end = std::min<std::uint64_t>(offset + length, bytes.size());
    bytes.replace(offset, end - offset, end - offset, '\0');
  }
  void copy(Ino from, Ino to) {
    const std::uint64_t source = place();
    const std::uint64_t target = place();
    const std::uint64_t wanted = 1 + below(below(3) == 0 ? settings_.size_max : 4 * settings_.unit);
    const std::uint64_t there = now_[from].size() > source ? now_[from].size() - source : 0;
    const std::uint64_t length = std::min(wanted, there);
    auto done = world_.copy(from, source, to, target, wanted);
    const bool overlap =
        from == to && length > 0 && source < target + length && target < source + length;
    ASSERT_EQ(done.has_value(), !overlap);
    if (overlap) {
      EXPECT_EQ(to_errno(done.error()), EINVAL);
      return;
    }
    ASSERT_LE(*done, length);
    ASSERT_TRUE(*done > 0 || length == 0);
    if (settings_.extents_per_step == kExtentsPerStep) {
      ASSERT_EQ(*done, length);
    }
    if (*done == 0) return;
    const std::string bytes = now_[from].substr(source, *done);
    grown(to, target + *done).replace(target, *done, bytes);
  }

  void compare() {
    world_.check_invariants();
    for (Ino ino : kFiles) {
      SCOPED_TRACE("ino " + std::to_string(ino.value()));
      const std::string& bytes = now_[ino];
      ASSERT_EQ(world_.inode(ino).size, bytes.size());
      ASSERT_TRUE(world_.read(ino, 0, bytes.size() + 10) == bytes);
      if (!bytes.empty()) {
        const std::uint64_t from = below(bytes.size());
        const std::size_t length = below(2 * settings_.unit) + 1;
        ASSERT_TRUE(world_.read(ino, from, length) == bytes.substr(from, length));
      }
      check_seeks(ino, bytes);
    }
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
  /// Data and holes alternate up to the end, and holes are zeros.
  void check_seeks(Ino ino, const std::string& bytes) {
    const InodeRecord inode = world_.inode(ino);
    std::uint64_t at = 0;
    while (at < bytes.size()) {
      auto data = world_.data->seek(ino, inode, at, SEEK_DATA);
      if (!data) {
        ASSERT_EQ(to_errno(data.error()), ENXIO);
      }
      const std::uint64_t next = data ? *data : bytes.size();
      ASSERT_GE(next, at);
      ASSERT_EQ(bytes.find_first_not_of('\0', at) >= next, true) << "a hole with data in it";
      if (next > at) {
        ASSERT_EQ(*world_.data->seek(ino, inode, at, SEEK_HOLE), at);
      }
      if (!data) break;
      auto hole = world_.data->seek(ino, inode, next, SEEK_HOLE);
      ASSERT_TRUE(hole);
      ASSERT_GT(*hole, next);
      ASSERT_LE(*hole, bytes.size());
      at = *hole;
    }
    ASSERT_EQ(to_errno(world_.data->seek(ino, inode, bytes.size(), SEEK_HOLE).error()), ENXIO);
  }

  FileWorld world_;
  std::mt19937_64 random_;
  Settings settings_;
  Contents now_;
  Contents durable_;
  std::uint64_t last_end_ = 0;  // of the last write: the next may go on there
};

void run_seeds(std::uint64_t count, Settings settings) {
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History(seed, settings).run();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
}

TEST(FileDataAgainstAModel, SmallFilesByTheByte) { run_seeds(1000, {8, 128, 40}); }
TEST(FileDataAgainstAModel, FilesOfPagesWithHoles) { run_seeds(150, {kPage, 12 * kPage, 40}); }
TEST(FileDataAgainstAModel, SmallFilesInStepsOfThreeExtents) { run_seeds(1000, {8, 128, 60, 3}); }
TEST(FileDataAgainstAModel, SmallFilesInStepsOfOneExtent) { run_seeds(500, {8, 128, 60, 1}); }
TEST(FileDataAgainstAModel, FilesOfPagesInStepsOfThreeExtents) {
  run_seeds(150, {kPage, 12 * kPage, 60, 3});
}

}  // namespace
}  // namespace cairn::vfs
