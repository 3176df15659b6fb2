// read, write and their kin; lseek; limits of size.
#include <sys/resource.h>
#include <sys/uio.h>

#include <climits>
#include <map>
#include <memory>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

char* bad_pointer() { return reinterpret_cast<char*>(1); }

const ErrorCase kDataErrors[] = {
    {"ReadOfABadDescriptor", EBADF, [] { return static_cast<long>(::read(-1, nullptr, 0)); }},
    {"WriteToABadDescriptor", EBADF, [] { return static_cast<long>(::write(-1, "x", 1)); }},
    {"ReadOfADirectory", EISDIR,
     [] {
       const Fd dir = ::open(".", O_RDONLY);
       char byte = 0;
       return static_cast<long>(::read(dir, &byte, 1));
     }},
    {"PreadOfADirectory", EISDIR,
     [] {
       const Fd dir = ::open(".", O_RDONLY);
       char byte = 0;
       return static_cast<long>(::pread(dir, &byte, 1, 0));
     }},
    {"WriteToADirectory", EBADF,
     [] {
       const Fd dir = ::open(".", O_RDONLY);
       return static_cast<long>(::write(dir, "x", 1));
     }},
    {"ReadIntoABadPointer", EFAULT,
     [] {
       const Fd fd = new_file("file", "bytes");
       return static_cast<long>(::read(fd, bad_pointer(), 5));
     }},
    {"WriteFromABadPointer", EFAULT,
     [] {
       const Fd fd = new_file("file");
       return static_cast<long>(::write(fd, bad_pointer(), 5));
     }},
    {"PreadAtANegativeOffset", EINVAL,
     [] {
       const Fd fd = new_file("file", "bytes");
       char byte = 0;
       return static_cast<long>(::pread(fd, &byte, 1, -1));
     }},
    {"PwriteAtANegativeOffset", EINVAL,
     [] {
       const Fd fd = new_file("file");
       return static_cast<long>(::pwrite(fd, "x", 1, -1));
     }},
    {"PreadOfAFifo", ESPIPE,
     [] {
       make_fifo("fifo");
       const Fd fd = ::open("fifo", O_RDWR);
       char byte = 0;
       return static_cast<long>(::pread(fd, &byte, 1, 0));
     }},
    {"ReadvOfTooManyVectors", EINVAL,
     [] {
       const Fd fd = new_file("file", "bytes");
       std::vector<iovec> vectors(IOV_MAX + 1);
       return static_cast<long>(::readv(fd, vectors.data(), IOV_MAX + 1));
     }},
    {"WritevOfTooManyVectors", EINVAL,
     [] {
       const Fd fd = new_file("file");
       std::vector<iovec> vectors(IOV_MAX + 1);
       return static_cast<long>(::writev(fd, vectors.data(), IOV_MAX + 1));
     }},
    {"ReadvOfANegativeLength", EINVAL,
     [] {
       const Fd fd = new_file("file", "bytes");
       char byte = 0;
       const iovec vector{&byte, static_cast<std::size_t>(-1)};
       return static_cast<long>(::readv(fd, &vector, 1));
     }},
    {"SeekOfABadDescriptor", EBADF, [] { return static_cast<long>(::lseek(-1, 0, SEEK_SET)); }},
    {"SeekWithABadWhence", EINVAL,
     [] {
       const Fd fd = new_file("file");
       return static_cast<long>(::lseek(fd, 0, 99));
     }},
    {"SeekBeforeTheStart", EINVAL,
     [] {
       const Fd fd = new_file("file");
       return static_cast<long>(::lseek(fd, -1, SEEK_SET));
     }},
    {"SeekBeforeTheStartFromTheEnd", EINVAL,
     [] {
       const Fd fd = new_file("file", "bytes");
       return static_cast<long>(::lseek(fd, -6, SEEK_END));
     }},
    {"SeekOfAFifo", ESPIPE,
     [] {
       make_fifo("fifo");
       const Fd fd = ::open("fifo", O_RDWR);
       return static_cast<long>(::lseek(fd, 0, SEEK_SET));
     }},
    {"SeekDataPastTheEnd", ENXIO,
     [] {
       const Fd fd = new_file("file", "bytes");
       return static_cast<long>(::lseek(fd, 5, SEEK_DATA));
     }},
    {"SeekHolePastTheEnd", ENXIO,
     [] {
       const Fd fd = new_file("file", "bytes");
       return static_cast<long>(::lseek(fd, 6, SEEK_HOLE));
     }},
    {"SeekDataAtANegativeOffset", one_of(ENXIO, EINVAL),  // by the filesystem's own hand
     [] {
       const Fd fd = new_file("file", "bytes");
       return static_cast<long>(::lseek(fd, -1, SEEK_DATA));
     }},
    {"SeekDataInAnEmptyFile", ENXIO,
     [] {
       const Fd fd = new_file("file");
       return static_cast<long>(::lseek(fd, 0, SEEK_DATA));
     }},
    {"FsyncOfABadDescriptor", EBADF, [] { return long{::fsync(-1)}; }},
    {"FdatasyncOfABadDescriptor", EBADF, [] { return long{::fdatasync(-1)}; }},
    {"FsyncOfAFifo", EINVAL,
     [] {
       make_fifo("fifo");
       const Fd fd = ::open("fifo", O_RDWR);
       return long{::fsync(fd)};
     }},
    {"FsyncOfAFile", 0,
     [] {
       const Fd fd = new_file("file", "bytes");
       return long{::fsync(fd)};
     }},
    {"FdatasyncOfAFile", 0,
     [] {
       const Fd fd = new_file("file", "bytes");
       return long{::fdatasync(fd)};
     }},
    {"FsyncOfAReadOnlyDescriptor", 0,
     [] {
       make_file("file", "bytes");
       const Fd fd = ::open("file", O_RDONLY);
       return long{::fsync(fd)};
     }},
    {"FsyncOfADirectory", 0,
     [] {
       const Fd fd = ::open(".", O_RDONLY);
       return long{::fsync(fd)};
     }},
    {"FdatasyncOfADirectory", 0,
     [] {
       const Fd fd = ::open(".", O_RDONLY);
       return long{::fdatasync(fd)};
     }},
    {"Syncfs", 0,
     [] {
       const Fd fd = ::open(".", O_RDONLY);
       return long{::syncfs(fd)};
     }},
    {"SyncFileRange", 0,
     [] {
       const Fd fd = new_file("file", "bytes");
       return long{::sync_file_range(fd, 0, 5, SYNC_FILE_RANGE_WRITE)};
     }},
};
CAIRN_ERRORS(DataErrors, kDataErrors);

class Data : public PosixTest {};

TEST_F(Data, ReadAndWriteMoveThePosition) {
  const Fd fd = ::open("file", O_CREAT | O_RDWR, 0644);
  EXPECT_EQ(::write(fd, "0123456789", 10), 10);
  EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), 10);
  EXPECT_EQ(::lseek(fd, 4, SEEK_SET), 4);
  char buffer[4] = {};
  EXPECT_EQ(::read(fd, buffer, 3), 3);
  EXPECT_STREQ(buffer, "456");
  EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), 7);
  EXPECT_EQ(::read(fd, buffer, 4), 3);
  EXPECT_EQ(::read(fd, buffer, 4), 0);
}

TEST_F(Data, PreadAndPwriteLeaveThePosition) {
  const Fd fd = new_file("file", "0123456789");
  EXPECT_WORKS(::lseek(fd, 2, SEEK_SET));
  EXPECT_EQ(read_at(fd, 5, 2), "56");
  EXPECT_EQ(::pwrite(fd, "ab", 2, 8), 2);
  EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), 2);
  EXPECT_EQ(slurp("file"), "01234567ab");
}

TEST_F(Data, ReadsPastTheEndAreEmpty) {
  const Fd fd = new_file("file", "bytes");
  EXPECT_EQ(read_at(fd, 5, 10), "");
  EXPECT_EQ(read_at(fd, 1'000'000, 10), "");
  EXPECT_EQ(read_at(fd, LLONG_MAX - 10, 10), "");
}

TEST_F(Data, WritePastTheEndLeavesZeros) {
  const Fd fd = new_file("file", "ab");
  EXPECT_EQ(::pwrite(fd, "cd", 2, 10'000), 2);
  EXPECT_EQ(stat_of_fd(fd).st_size, 10'002);
  EXPECT_EQ(read_at(fd, 0, 10'002), "ab" + std::string(9'998, '\0') + "cd");
}

TEST_F(Data, WriteOfNothingChangesNothing) {
  const Fd fd = new_file("file", "bytes");
  EXPECT_EQ(::pwrite(fd, "", 0, 100), 0);
  EXPECT_EQ(stat_of_fd(fd).st_size, 5);
}

TEST_F(Data, OverwritesInTheMiddleKeepTheRest) {
  const std::string bytes = pattern(100'000);
  const Fd fd = new_file("file", bytes);
  std::string expected = bytes;
  for (const off_t at : {0, 1, 4095, 4096, 8191, 50'001, 99'990}) {
    EXPECT_EQ(::pwrite(fd, "XYZ", 3, at), 3);
    expected.replace(static_cast<std::size_t>(at), 3, "XYZ");
  }
  EXPECT_EQ(slurp("file"), expected);
}

TEST_F(Data, SmallWritesOfOneProgramAddUp) {
  const Fd fd = new_file("file");
  std::string expected;
  for (int i = 0; i < 2'000; ++i) {
    const std::string line = std::to_string(i) + "\n";
    ASSERT_EQ(::write(fd, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    expected += line;
  }
  EXPECT_EQ(slurp("file"), expected);
}

TEST_F(Data, LargeWriteComesBackWhole) {
  const std::string bytes = pattern(9'000'001);
  make_file("file", bytes);
  EXPECT_TRUE(slurp("file") == bytes);
}

TEST_F(Data, BackwardsWritesComeBackWhole) {
  const std::string bytes = pattern(200'000);
  const Fd fd = new_file("file");
  for (std::size_t at = bytes.size(); at > 0; at -= 1000) {
    ASSERT_EQ(::pwrite(fd, bytes.data() + at - 1000, 1000, static_cast<off_t>(at - 1000)), 1000);
  }
  EXPECT_TRUE(slurp("file") == bytes);
}

TEST_F(Data, VectorsGatherAndScatter) {
  const Fd fd = new_file("file");
  char one[] = "one";
  char two[] = "two2";
  const iovec out[3] = {{one, 3}, {nullptr, 0}, {two, 4}};
  EXPECT_EQ(::writev(fd, out, 3), 7);
  char first[3] = {};
  char second[8] = {};
  const iovec in[2] = {{first, 2}, {second, 8}};
  EXPECT_EQ(::preadv(fd, in, 2, 0), 7);
  EXPECT_STREQ(first, "on");
  EXPECT_STREQ(second, "etwo2");
  EXPECT_EQ(::pwritev(fd, out, 3, 100), 7);
  EXPECT_EQ(stat_of_fd(fd).st_size, 107);
}

TEST_F(Data, Pwritev2AppendsOnRequest) {
  const Fd fd = new_file("file", "12345");
  char bytes[] = "67";
  const iovec vector{bytes, 2};
  EXPECT_FAILS(one_of(0, EOPNOTSUPP), ::pwritev2(fd, &vector, 1, 0, RWF_APPEND));
  EXPECT_THAT(slurp("file"), ::testing::AnyOf("1234567", "12345"));
}

TEST_F(Data, DuplicatesShareThePosition) {
  const Fd fd = new_file("file", "0123456789");
  const Fd twin = ::dup(fd);
  const Fd other = ::open("file", O_RDONLY);
  EXPECT_WORKS(::lseek(fd, 5, SEEK_SET));
  EXPECT_EQ(::lseek(twin, 0, SEEK_CUR), 5);
  EXPECT_EQ(::lseek(other, 0, SEEK_CUR), 0);
}

TEST_F(Data, ForkSharesThePosition) {
  const Fd fd = new_file("file", "0123456789");
  EXPECT_EQ(in_child([&] { return ::lseek(fd, 7, SEEK_SET); }), 7);
  EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), 7);
}

TEST_F(Data, ADuplicateOutlivesTheOriginal) {
  Fd fd = new_file("file", "bytes");
  const Fd twin = ::dup(fd);
  fd.reset();
  EXPECT_EQ(read_at(twin, 0, 10), "bytes");
}

TEST_F(Data, AppendsOfSeveralProcessesInterleaveWholeRecords) {
  make_file("log");
  constexpr int kProcesses = 4;
  constexpr int kRecords = 200;
  {
    std::vector<std::unique_ptr<Process>> processes;
    for (int id = 0; id < kProcesses; ++id) {
      processes.push_back(std::make_unique<Process>([id]() -> long {
        const Fd fd = ::open("log", O_WRONLY | O_APPEND);
        const std::string record(99, static_cast<char>('a' + id));
        for (int i = 0; i < kRecords; ++i) {
          if (::write(fd, (record + "\n").data(), 100) != 100) return -1;
        }
        return 0;
      }));
    }
    for (auto& process : processes) EXPECT_WORKS(process->join());
  }
  const std::string log = slurp("log");
  ASSERT_EQ(log.size(), 100U * kProcesses * kRecords);
  std::map<char, int> counts;
  for (std::size_t at = 0; at < log.size(); at += 100) {
    ASSERT_EQ(log.substr(at, 100), std::string(99, log[at]) + "\n") << "record at " << at;
    ++counts[log[at]];
  }
  for (const auto& [id, count] : counts) EXPECT_EQ(count, kRecords) << id;
}

TEST_F(Data, AWriteIsSeenByAnotherProcessAtOnce) {
  const Fd fd = new_file("file", "old");
  EXPECT_EQ(::pwrite(fd, "new", 3, 0), 3);
  EXPECT_WORKS(in_child([]() -> long { return slurp("file") == "new" ? 0 : -1; }));
}

TEST_F(Data, SizesNearTheEndOfTheNumbers) {
  const Fd fd = new_file("file");
  // A filesystem has its own largest size; past it, EFBIG, and the file stays as it was.
  for (const off_t at :
       std::initializer_list<off_t>{1LL << 40, 1LL << 43, 1LL << 50, LLONG_MAX - 1}) {
    const ssize_t n = ::pwrite(fd, "x", 1, at);
    if (n < 0) {
      EXPECT_THAT(errno, ::testing::AnyOf(EFBIG, EINVAL));
      EXPECT_LE(stat_of_fd(fd).st_size, at);
      continue;
    }
    EXPECT_EQ(stat_of_fd(fd).st_size, at + 1);
    EXPECT_EQ(read_at(fd, at, 1), "x");
    EXPECT_EQ(read_at(fd, at - 3, 4), std::string("\0\0\0x", 4));
  }
}

TEST_F(Data, WriteAtTheLargestOffsetIsTooBig) {
  const Fd fd = new_file("file");
  EXPECT_FAILS(one_of(EFBIG, EINVAL), ::pwrite(fd, "x", 1, LLONG_MAX));
  EXPECT_EQ(stat_of_fd(fd).st_size, 0);
}

TEST_F(Data, TheLimitOfSizeCutsAWriteAndThenFails) {
  const Fd fd = new_file("file");
  EXPECT_WORKS(in_child([&]() -> long {
    const rlimit limit{10, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (::pwrite(fd, "0123456789abcdef", 16, 0) != 10) return -1;
    return ::pwrite(fd, "x", 1, 10) == -1 && errno == EFBIG ? 0 : -1;
  }));
  EXPECT_EQ(slurp("file"), "0123456789");
}

class Seek : public PosixTest {};

TEST_F(Seek, PastTheEndDoesNotGrowTheFile) {
  const Fd fd = new_file("file", "bytes");
  EXPECT_EQ(::lseek(fd, 1000, SEEK_SET), 1000);
  EXPECT_EQ(stat_of_fd(fd).st_size, 5);
  EXPECT_EQ(::lseek(fd, -5, SEEK_CUR), 995);
  EXPECT_EQ(::lseek(fd, 3, SEEK_END), 8);
}

TEST_F(Seek, DataAndHoleOfADenseFile) {
  const Fd fd = new_file("file", pattern(10'000));
  EXPECT_EQ(::lseek(fd, 0, SEEK_DATA), 0);
  EXPECT_EQ(::lseek(fd, 5'000, SEEK_DATA), 5'000);
  EXPECT_EQ(::lseek(fd, 0, SEEK_HOLE), 10'000);
  EXPECT_EQ(::lseek(fd, 9'999, SEEK_HOLE), 10'000);
}

TEST_F(Seek, FindsDataBehindAHole) {
  const Fd fd = new_file("file");
  EXPECT_EQ(::pwrite(fd, "x", 1, 1 << 20), 1);
  const off_t data = ::lseek(fd, 0, SEEK_DATA);
  // Without knowledge of holes all is data; with it, the data's block begins at or before it.
  EXPECT_TRUE(data == 0 || (data > (1 << 20) - (1 << 16) && data <= (1 << 20))) << data;
  if (!lacks(Feature::kHoles)) {
    EXPECT_NE(data, 0);
  }
  EXPECT_EQ(::lseek(fd, data, SEEK_HOLE), (1 << 20) + 1);
}

TEST_F(Seek, FindsTheHoleBetweenData) {
  if (lacks(Feature::kHoles)) return;
  const Fd fd = new_file("file", pattern(4096));
  EXPECT_EQ(::pwrite(fd, "x", 1, 1 << 20), 1);
  EXPECT_EQ(::lseek(fd, 0, SEEK_HOLE), 4096);
  EXPECT_EQ(::lseek(fd, 4096, SEEK_HOLE), 4096);
  EXPECT_GT(::lseek(fd, 4096, SEEK_DATA), 4096);
}

TEST_F(Seek, AFileOfOneHole) {
  if (lacks(Feature::kHoles)) return;
  const Fd fd = new_file("file");
  EXPECT_WORKS(::ftruncate(fd, 1 << 20));
  EXPECT_FAILS(ENXIO, ::lseek(fd, 0, SEEK_DATA));
  EXPECT_EQ(::lseek(fd, 0, SEEK_HOLE), 0);
  EXPECT_EQ(::lseek(fd, 100, SEEK_HOLE), 100);
}

TEST_F(Seek, SparseFilesTakeFewBlocks) {
  if (lacks(Feature::kHoles)) return;
  const Fd fd = new_file("file");
  EXPECT_EQ(::pwrite(fd, "x", 1, 100 << 20), 1);
  EXPECT_WORKS(::fsync(fd));
  EXPECT_LT(stat_of_fd(fd).st_blocks * 512, 1 << 20);
}

TEST_F(Seek, DenseFilesTakeTheirBlocks) {
  const Fd fd = new_file("file", pattern(1 << 20));
  EXPECT_WORKS(::fsync(fd));
  EXPECT_GE(stat_of_fd(fd).st_blocks * 512, 1 << 20);
}

}  // namespace
}  // namespace cairn::posix
