// truncate, ftruncate, fallocate: the size, the zeros and the holes.
#include <linux/falloc.h>

#include <climits>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

const ErrorCase kTruncateErrors[] = {
    {"Missing", ENOENT, [] { return long{::truncate("missing", 0)}; }},
    {"Directory", EISDIR,
     [] {
       make_dir("dir");
       return long{::truncate("dir", 0)};
     }},
    {"Fifo", EINVAL,
     [] {
       make_fifo("fifo");
       return long{::truncate("fifo", 0)};
     }},
    {"NegativeSize", EINVAL,
     [] {
       make_file("file");
       return long{::truncate("file", -1)};
     }},
    {"BelowAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::truncate("file/below", 0)};
     }},
    {"NameOf256Bytes", ENAMETOOLONG,
     [] { return long{::truncate(std::string(256, 'f').c_str(), 0)}; }},
    {"RingOfSymlinks", ELOOP,
     [] {
       make_symlink("a", "a");
       return long{::truncate("a", 0)};
     }},
    {"BadPointer", EFAULT, [] { return long{::truncate(reinterpret_cast<const char*>(1), 0)}; }},
    {"LargestSize", one_of(0, EFBIG, EINVAL),  // each filesystem has its own limit
     [] {
       make_file("file");
       return long{::truncate("file", LLONG_MAX)};
     }},
    {"BadDescriptor", EBADF, [] { return long{::ftruncate(-1, 0)}; }},
    {"ReadOnlyDescriptor", one_of(EINVAL, EBADF),
     [] {
       make_file("file");
       const Fd fd = ::open("file", O_RDONLY);
       return long{::ftruncate(fd, 0)};
     }},
    {"DescriptorOfADirectory", one_of(EINVAL, EBADF),
     [] {
       const Fd fd = ::open(".", O_RDONLY);
       return long{::ftruncate(fd, 0)};
     }},
    {"NegativeSizeByDescriptor", EINVAL,
     [] {
       const Fd fd = new_file("file");
       return long{::ftruncate(fd, -1)};
     }},
};
CAIRN_ERRORS(TruncateErrors, kTruncateErrors);

long allocate(int mode, off_t offset, off_t length) {
  const Fd fd = new_file("file", pattern(10'000));
  return ::fallocate(fd, mode, offset, length);
}

const ErrorCase kFallocateErrors[] = {
    {"LengthZero", EINVAL, [] { return allocate(0, 0, 0); }},
    {"NegativeLength", EINVAL, [] { return allocate(0, 0, -1); }},
    {"NegativeOffset", EINVAL, [] { return allocate(0, -1, 10); }},
    {"OffsetAndLengthPastTheNumbers", EFBIG, [] { return allocate(0, LLONG_MAX, 10); }},
    {"PunchWithoutKeepSize", EOPNOTSUPP, [] { return allocate(FALLOC_FL_PUNCH_HOLE, 0, 10); }},
    {"PunchAndZero", EOPNOTSUPP, [] { return allocate(kPunch | FALLOC_FL_ZERO_RANGE, 0, 10); }},
    {"CollapseWithKeepSize", one_of(EINVAL, EOPNOTSUPP),
     [] { return allocate(FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096); }},
    {"InsertWithKeepSize", one_of(EINVAL, EOPNOTSUPP),
     [] { return allocate(FALLOC_FL_INSERT_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096); }},
    {"UnknownMode", EOPNOTSUPP, [] { return allocate(0x4000, 0, 10); }},
    {"BadDescriptor", EBADF, [] { return long{::fallocate(-1, 0, 0, 10)}; }},
    {"ReadOnlyDescriptor", EBADF,
     [] {
       make_file("file");
       const Fd fd = ::open("file", O_RDONLY);
       return long{::fallocate(fd, 0, 0, 10)};
     }},
    {"Directory", one_of(EISDIR, EBADF),
     [] {
       const Fd fd = ::open(".", O_RDONLY);
       return long{::fallocate(fd, 0, 0, 10)};
     }},
    {"Fifo", one_of(ESPIPE, ENODEV),
     [] {
       make_fifo("fifo");
       const Fd fd = ::open("fifo", O_RDWR);
       return long{::fallocate(fd, 0, 0, 10)};
     }},
};
CAIRN_ERRORS(FallocateErrors, kFallocateErrors);

class Truncate : public PosixTest {};

TEST_F(Truncate, ShrinksAndGrowsWithZeros) {
  make_file("file", "0123456789");
  EXPECT_WORKS(::truncate("file", 4));
  EXPECT_EQ(slurp("file"), "0123");
  EXPECT_WORKS(::truncate("file", 8));
  EXPECT_EQ(slurp("file"), std::string("0123\0\0\0\0", 8));
}

TEST_F(Truncate, FollowsSymlinks) {
  make_file("file", "bytes");
  make_symlink("file", "link");
  EXPECT_WORKS(::truncate("link", 2));
  EXPECT_EQ(slurp("file"), "by");
}

TEST_F(Truncate, LeavesThePositionOfDescriptors) {
  const Fd fd = new_file("file", "0123456789");
  EXPECT_WORKS(::lseek(fd, 8, SEEK_SET));
  EXPECT_WORKS(::ftruncate(fd, 2));
  EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), 8);
  EXPECT_EQ(::write(fd, "x", 1), 1);
  EXPECT_EQ(slurp("file"), std::string("01\0\0\0\0\0\0x", 9));
}

TEST_F(Truncate, OldBytesNeverComeBack) {
  for (const off_t cut : {1, 4095, 4096, 4097, 8192, 10'000, 65'536, 100'001}) {
    const std::string name = "file" + std::to_string(cut);
    const std::string bytes = pattern(150'000);
    const Fd fd = new_file(name, bytes);
    EXPECT_WORKS(::ftruncate(fd, cut));
    EXPECT_WORKS(::ftruncate(fd, 150'000));
    const auto kept = static_cast<std::size_t>(cut);
    EXPECT_TRUE(slurp(name) == bytes.substr(0, kept) + std::string(150'000 - kept, '\0')) << cut;
  }
}

TEST_F(Truncate, WriteBehindACutLeavesZerosBetween) {
  const Fd fd = new_file("file", pattern(20'000));
  EXPECT_WORKS(::ftruncate(fd, 5'000));
  EXPECT_EQ(::pwrite(fd, "end", 3, 15'000), 3);
  EXPECT_EQ(slurp("file"), pattern(20'000).substr(0, 5'000) + std::string(10'000, '\0') + "end");
}

TEST_F(Truncate, ToALargeSizeCostsNothing) {
  const Fd fd = new_file("file");
  EXPECT_WORKS(::ftruncate(fd, off_t{1} << 40));
  EXPECT_EQ(stat_of_fd(fd).st_size, off_t{1} << 40);
  EXPECT_EQ(read_at(fd, (off_t{1} << 40) - 2, 10), std::string(2, '\0'));
  EXPECT_WORKS(::ftruncate(fd, 0));
}

TEST_F(Truncate, FreesTheBlocks) {
  const Fd fd = new_file("file", pattern(1 << 20));
  EXPECT_WORKS(::ftruncate(fd, 0));
  EXPECT_WORKS(::fsync(fd));
  EXPECT_EQ(stat_of_fd(fd).st_blocks, 0);
}

class Fallocate : public PosixTest {};

TEST_F(Fallocate, GrowsWithZeros) {
  if (lacks(Feature::kFallocate)) return;
  const Fd fd = new_file("file", "bytes");
  EXPECT_WORKS(::fallocate(fd, 0, 0, 20'000));
  EXPECT_EQ(slurp("file"), "bytes" + std::string(19'995, '\0'));
}

TEST_F(Fallocate, InsideTheFileChangesNoBytes) {
  if (lacks(Feature::kFallocate)) return;
  const Fd fd = new_file("file", pattern(20'000));
  EXPECT_WORKS(::fallocate(fd, 0, 1'000, 5'000));
  EXPECT_EQ(slurp("file"), pattern(20'000));
}

TEST_F(Fallocate, KeepSizeKeepsIt) {
  if (lacks(Feature::kFallocate)) return;
  const Fd fd = new_file("file", "bytes");
  EXPECT_WORKS(::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20'000));
  EXPECT_EQ(slurp("file"), "bytes");
}

TEST_F(Fallocate, PunchReadsAsZerosAndKeepsTheSize) {
  if (lacks(Feature::kFallocate)) return;
  struct Range {
    off_t offset;
    off_t length;
  };
  for (const Range range : {Range{0, 4096}, Range{4096, 8192}, Range{1, 10}, Range{5'000, 9'001},
                            Range{39'000, 5'000}, Range{50'000, 10}, Range{0, 1 << 20}}) {
    const std::string name = "file" + std::to_string(range.offset);
    ::unlink(name.c_str());
    std::string expected = pattern(40'000);
    const Fd fd = new_file(name, expected);
    EXPECT_WORKS(::fallocate(fd, kPunch, range.offset, range.length));
    for (off_t at = range.offset; at < range.offset + range.length && at < 40'000; ++at) {
      expected[static_cast<std::size_t>(at)] = '\0';
    }
    EXPECT_TRUE(slurp(name) == expected) << range.offset << " " << range.length;
  }
}

TEST_F(Fallocate, PunchFreesBlocksAndShowsAHole) {
  if (lacks(Feature::kFallocate)) return;
  const Fd fd = new_file("file", pattern(4 << 20));
  EXPECT_WORKS(::fallocate(fd, kPunch, 1 << 20, 2 << 20));
  EXPECT_WORKS(::fsync(fd));
  EXPECT_LT(stat_of_fd(fd).st_blocks * 512, 3 << 20);
  EXPECT_EQ(::lseek(fd, 0, SEEK_HOLE), 1 << 20);
  EXPECT_EQ(::lseek(fd, 1 << 20, SEEK_DATA), 3 << 20);
}

TEST_F(Fallocate, ZeroRangeReadsAsZeros) {
  if (lacks(Feature::kZeroRange)) return;
  std::string expected = pattern(40'000);
  const Fd fd = new_file("file", expected);
  EXPECT_WORKS(::fallocate(fd, FALLOC_FL_ZERO_RANGE, 5'000, 20'000));
  expected.replace(5'000, 20'000, std::string(20'000, '\0'));
  EXPECT_TRUE(slurp("file") == expected);
}

TEST_F(Fallocate, ZeroRangePastTheEndGrowsUnlessToldNot) {
  if (lacks(Feature::kZeroRange)) return;
  const Fd fd = new_file("file", "bytes");
  EXPECT_WORKS(::fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 2, 100));
  EXPECT_EQ(slurp("file"), std::string("by\0\0\0", 5));
  EXPECT_WORKS(::fallocate(fd, FALLOC_FL_ZERO_RANGE, 5, 100));
  EXPECT_EQ(stat_of_fd(fd).st_size, 105);
}

TEST_F(Fallocate, CollapseMovesTheRestDown) {
  if (lacks(Feature::kShiftRange)) return;
  const std::string bytes = pattern(65'536);
  const Fd fd = new_file("file", bytes);
  EXPECT_FAILS(one_of(0, EOPNOTSUPP), ::fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 4096, 8192));
  EXPECT_TRUE(slurp("file") == bytes.substr(0, 4096) + bytes.substr(12'288) ||
              slurp("file") == bytes);
}

TEST_F(Fallocate, InsertMovesTheRestUp) {
  if (lacks(Feature::kShiftRange)) return;
  const std::string bytes = pattern(65'536);
  const Fd fd = new_file("file", bytes);
  EXPECT_FAILS(one_of(0, EOPNOTSUPP), ::fallocate(fd, FALLOC_FL_INSERT_RANGE, 4096, 8192));
  EXPECT_TRUE(slurp("file") ==
                  bytes.substr(0, 4096) + std::string(8192, '\0') + bytes.substr(4096) ||
              slurp("file") == bytes);
}

TEST_F(Fallocate, PosixFallocateAlwaysWorks) {
  const Fd fd = new_file("file", "bytes");
  EXPECT_EQ(::posix_fallocate(fd, 0, 10'000), 0);
  EXPECT_EQ(stat_of_fd(fd).st_size, 10'000);
  EXPECT_EQ(read_at(fd, 0, 5), "bytes");
}

TEST_F(Fallocate, OnAnUnlinkedFile) {
  if (lacks(Feature::kFallocate)) return;
  const Fd fd = new_file("file", pattern(10'000));
  EXPECT_WORKS(::unlink("file"));
  EXPECT_WORKS(::fallocate(fd, kPunch, 0, 4096));
  EXPECT_EQ(read_at(fd, 0, 4096), std::string(4096, '\0'));
}

}  // namespace
}  // namespace cairn::posix
