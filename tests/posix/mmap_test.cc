// mmap, msync: shared and private maps beside read and write.
#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

/// A map that is undone in the end; null if the call failed.
class Map {
 public:
  Map(int fd, std::size_t length, int protection, int flags, off_t offset = 0)
      : length_(length), at_(::mmap(nullptr, length, protection, flags, fd, offset)) {}
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;
  ~Map() {
    if (ok()) ::munmap(at_, length_);
  }
  [[nodiscard]] bool ok() const { return at_ != MAP_FAILED; }
  [[nodiscard]] char* bytes() const { return static_cast<char*>(at_); }
  [[nodiscard]] long sync() const { return ::msync(at_, length_, MS_SYNC); }

 private:
  std::size_t length_;
  void* at_;
};

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

long map_outcome(int fd, int protection, int flags) {
  const Map map(fd, 4096, protection, flags);
  return map.ok() ? 0 : -1;
}

const ErrorCase kMmapErrors[] = {
    {"BadDescriptor", EBADF, [] { return map_outcome(-1, PROT_READ, MAP_SHARED); }},
    {"Directory", one_of(ENODEV, EACCES),
     [] {
       const Fd fd = ::open(".", O_RDONLY);
       return map_outcome(fd, PROT_READ, MAP_SHARED);
     }},
    {"WriteOnlyDescriptor", EACCES,
     [] {
       make_file("file", "bytes");
       const Fd fd = ::open("file", O_WRONLY);
       return map_outcome(fd, PROT_READ, MAP_SHARED);
     }},
    {"SharedWritesOnAReadOnlyDescriptor", EACCES,
     [] {
       make_file("file", "bytes");
       const Fd fd = ::open("file", O_RDONLY);
       return map_outcome(fd, kReadWrite, MAP_SHARED);
     }},
    {"PrivateWritesOnAReadOnlyDescriptor", 0,
     [] {
       make_file("file", "bytes");
       const Fd fd = ::open("file", O_RDONLY);
       return map_outcome(fd, kReadWrite, MAP_PRIVATE);
     }},
    {"UnalignedOffset", EINVAL,
     [] {
       const Fd fd = new_file("file", "bytes");
       return Map(fd, 4096, PROT_READ, MAP_SHARED, 1).ok() ? 0L : -1L;
     }},
    {"LengthZero", EINVAL,
     [] {
       const Fd fd = new_file("file", "bytes");
       return Map(fd, 0, PROT_READ, MAP_SHARED).ok() ? 0L : -1L;
     }},
};
CAIRN_ERRORS(MmapErrors, kMmapErrors);

class Mmap : public PosixTest {};

TEST_F(Mmap, PrivateMapReadsTheFile) {
  const Fd fd = new_file("file", pattern(10'000));
  const Map map(fd, 10'000, PROT_READ, MAP_PRIVATE);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(std::string(map.bytes(), 10'000), pattern(10'000));
}

TEST_F(Mmap, PrivateWritesStayPrivate) {
  const Fd fd = new_file("file", pattern(4096));
  {
    const Map map(fd, 4096, kReadWrite, MAP_PRIVATE);
    ASSERT_TRUE(map.ok());
    map.bytes()[0] = 0;
    EXPECT_WORKS(map.sync());
  }
  EXPECT_EQ(slurp("file"), pattern(4096));
}

TEST_F(Mmap, SharedWritesReachTheFile) {
  if (lacks(Feature::kMappedWrites)) return;
  const Fd fd = new_file("file", pattern(20'000));
  std::string expected = pattern(20'000);
  {
    const Map map(fd, 20'000, kReadWrite, MAP_SHARED);
    ASSERT_TRUE(map.ok());
    for (const std::size_t at : {0U, 4095U, 4096U, 12'345U, 19'999U}) {
      map.bytes()[at] = '#';
      expected[at] = '#';
    }
    EXPECT_WORKS(map.sync());
    EXPECT_TRUE(slurp("file") == expected);
    map.bytes()[7] = '!';
    expected[7] = '!';
  }
  EXPECT_TRUE(slurp("file") == expected) << "written by munmap's time";
}

TEST_F(Mmap, WritesThroughADescriptorAreSeenInTheMap) {
  const Fd fd = new_file("file", pattern(8192));
  const Map map(fd, 8192, PROT_READ, MAP_SHARED);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map.bytes()[5000], pattern(8192)[5000]);
  EXPECT_EQ(::pwrite(fd, "seen", 4, 5000), 4);
  EXPECT_EQ(std::string(map.bytes() + 5000, 4), "seen");
}

TEST_F(Mmap, WritesThroughTheMapAreReadByDescriptors) {
  if (lacks(Feature::kMappedWrites)) return;
  const Fd fd = new_file("file", pattern(8192));
  const Map map(fd, 8192, kReadWrite, MAP_SHARED);
  ASSERT_TRUE(map.ok());
  std::string("seen").copy(map.bytes() + 5000, 4);
  EXPECT_EQ(read_at(fd, 5000, 4), "seen");
}

TEST_F(Mmap, TwoProcessesShareAMap) {
  if (lacks(Feature::kMappedWrites)) return;
  const Fd fd = new_file("file", pattern(4096));
  const Map map(fd, 4096, kReadWrite, MAP_SHARED);
  ASSERT_TRUE(map.ok());
  EXPECT_WORKS(in_child([]() -> long {
    const Fd own = open_rw("file");
    const Map other(own, 4096, kReadWrite, MAP_SHARED);
    other.bytes()[100] = '!';
    return 0;
  }));
  EXPECT_EQ(map.bytes()[100], '!');
}

TEST_F(Mmap, OffsetsSelectPages) {
  const Fd fd = new_file("file", pattern(16'384));
  const Map map(fd, 4096, PROT_READ, MAP_SHARED, 8192);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(std::string(map.bytes(), 4096), pattern(16'384).substr(8192, 4096));
}

TEST_F(Mmap, TheRestOfTheLastPageIsZero) {
  const Fd fd = new_file("file", pattern(100));
  const Map map(fd, 4096, PROT_READ, MAP_SHARED);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(std::string(map.bytes() + 100, 3996), std::string(3996, '\0'));
}

TEST_F(Mmap, BytesBehindTheEndInTheLastPageAreNotWritten) {
  if (lacks(Feature::kMappedWrites)) return;
  const Fd fd = new_file("file", pattern(100));
  {
    const Map map(fd, 4096, kReadWrite, MAP_SHARED);
    ASSERT_TRUE(map.ok());
    map.bytes()[50] = '#';
    map.bytes()[200] = '#';
    EXPECT_WORKS(map.sync());
  }
  EXPECT_EQ(stat_of("file").st_size, 100);
  if (filesystem_kind() == Kind::kTmpfs) return;  // its page is the file: the bytes show
  EXPECT_WORKS(::ftruncate(fd, 4096));
  EXPECT_EQ(read_at(fd, 200, 1), std::string(1, '\0'));
}

/// In a child that is to die of SIGBUS: a sanitizer's handler would make another end of it.
void let_sigbus_kill() { ::signal(SIGBUS, SIG_DFL); }

TEST_F(Mmap, TouchingAPagePastTheEndIsSigbus) {
  const Fd fd = new_file("file", "bytes");
  const int status = wait_status_of([&]() -> long {
    let_sigbus_kill();
    const Map map(fd, 8192, PROT_READ, MAP_SHARED);
    return map.bytes()[4096];
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGBUS);
}

TEST_F(Mmap, TruncateUnderAMapIsSigbus) {
  const Fd fd = new_file("file", pattern(8192));
  const int status = wait_status_of([&]() -> long {
    let_sigbus_kill();
    const Map map(fd, 8192, PROT_READ, MAP_SHARED);
    if (map.bytes()[4096] == 0) return 1;
    ::ftruncate(fd, 100);
    return map.bytes()[4096];
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGBUS);
}

TEST_F(Mmap, TruncateAndGrowUnderAMapShowsZeros) {
  const Fd fd = new_file("file", pattern(8192));
  const Map map(fd, 8192, PROT_READ, MAP_SHARED);
  ASSERT_TRUE(map.ok());
  EXPECT_NE(map.bytes()[5000], 0);
  EXPECT_WORKS(::ftruncate(fd, 100));
  EXPECT_WORKS(::ftruncate(fd, 8192));
  EXPECT_EQ(map.bytes()[5000], 0);
  EXPECT_EQ(map.bytes()[50], pattern(8192)[50]);
}

TEST_F(Mmap, OutlivesTheDescriptorAndTheName) {
  Fd fd = new_file("file", pattern(4096));
  const Map map(fd, 4096, PROT_READ, MAP_SHARED);
  ASSERT_TRUE(map.ok());
  fd.reset();
  EXPECT_WORKS(::unlink("file"));
  EXPECT_EQ(std::string(map.bytes(), 4096), pattern(4096));
}

TEST_F(Mmap, WritesIntoAHoleFillIt) {
  if (lacks(Feature::kMappedWrites)) return;
  const Fd fd = new_file("file");
  EXPECT_WORKS(::ftruncate(fd, 1 << 20));
  {
    const Map map(fd, 1 << 20, kReadWrite, MAP_SHARED);
    ASSERT_TRUE(map.ok());
    map.bytes()[500'000] = 'x';
    EXPECT_WORKS(map.sync());
  }
  EXPECT_EQ(read_at(fd, 499'999, 3), std::string("\0x\0", 3));
}

TEST_F(Mmap, WriteFromAMapOfTheSameFile) {
  const Fd fd = new_file("file", pattern(8192));
  const Map map(fd, 8192, PROT_READ, MAP_SHARED);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(::pwrite(fd, map.bytes(), 4096, 8192), 4096);
  EXPECT_EQ(read_at(fd, 8192, 4096), pattern(8192).substr(0, 4096));
}

TEST_F(Mmap, ReadIntoAMapOfAnotherFile) {
  if (lacks(Feature::kMappedWrites)) return;
  const Fd from = new_file("from", pattern(4096, 1));
  const Fd to = new_file("to", pattern(4096, 2));
  const Map map(to, 4096, kReadWrite, MAP_SHARED);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(::pread(from, map.bytes(), 4096, 0), 4096);
  EXPECT_EQ(slurp("to"), pattern(4096, 1));
}

}  // namespace
}  // namespace cairn::posix
