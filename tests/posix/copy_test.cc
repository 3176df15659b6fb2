// copy_file_range, sendfile, splice.
#include <sys/sendfile.h>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

long copy(int from, off_t from_at, int to, off_t to_at, std::size_t length, unsigned flags = 0) {
  return ::copy_file_range(from, &from_at, to, &to_at, length, flags);
}

const ErrorCase kCopyErrors[] = {
    {"BadSource", EBADF,
     [] {
       const Fd to = new_file("to");
       return copy(-1, 0, to, 0, 10);
     }},
    {"BadTarget", EBADF,
     [] {
       const Fd from = new_file("from", "bytes");
       return copy(from, 0, -1, 0, 10);
     }},
    {"UnknownFlag", EINVAL,
     [] {
       const Fd from = new_file("from", "bytes");
       const Fd to = new_file("to");
       return copy(from, 0, to, 0, 10, 1);
     }},
    {"WriteOnlySource", EBADF,
     [] {
       make_file("from", "bytes");
       const Fd from = ::open("from", O_WRONLY);
       const Fd to = new_file("to");
       return copy(from, 0, to, 0, 10);
     }},
    {"ReadOnlyTarget", EBADF,
     [] {
       const Fd from = new_file("from", "bytes");
       make_file("to");
       const Fd to = ::open("to", O_RDONLY);
       return copy(from, 0, to, 0, 10);
     }},
    {"AppendingTarget", EBADF,
     [] {
       const Fd from = new_file("from", "bytes");
       make_file("to");
       const Fd to = ::open("to", O_WRONLY | O_APPEND);
       return copy(from, 0, to, 0, 10);
     }},
    {"DirectoryAsSource", EISDIR,
     [] {
       const Fd from = ::open(".", O_RDONLY);
       const Fd to = new_file("to");
       return copy(from, 0, to, 0, 10);
     }},
    {"FifoAsSource", EINVAL,
     [] {
       make_fifo("fifo");
       const Fd from = ::open("fifo", O_RDWR);
       const Fd to = new_file("to");
       return ::copy_file_range(from, nullptr, to, nullptr, 10, 0);
     }},
    {"OverlapInOneFile", EINVAL,
     [] {
       const Fd fd = new_file("file", pattern(10'000));
       return copy(fd, 0, fd, 5'000, 6'000);
     }},
    {"NegativeOffset", one_of(EINVAL, EOVERFLOW),
     [] {
       const Fd from = new_file("from", "bytes");
       const Fd to = new_file("to");
       return copy(from, -5, to, 0, 3);
     }},
};
CAIRN_ERRORS(CopyErrors, kCopyErrors);

void copy_all(int from, off_t from_at, int to, off_t to_at, std::size_t length) {
  while (length > 0) {
    const long n = ::copy_file_range(from, &from_at, to, &to_at, length, 0);
    ASSERT_GT(n, 0) << errno_name(errno);
    length -= static_cast<std::size_t>(n);
  }
}

class Copy : public PosixTest {};

TEST_F(Copy, WholeFile) {
  const std::string bytes = pattern(1'000'000);
  const Fd from = new_file("from", bytes);
  const Fd to = new_file("to");
  copy_all(from, 0, to, 0, bytes.size());
  EXPECT_TRUE(slurp("to") == bytes);
}

TEST_F(Copy, TheCopyIsIndependent) {
  const Fd from = new_file("from", pattern(100'000));
  const Fd to = new_file("to");
  copy_all(from, 0, to, 0, 100'000);
  EXPECT_EQ(::pwrite(from, "FROM", 4, 50'000), 4);
  EXPECT_EQ(::pwrite(to, "TO", 2, 60'000), 2);
  EXPECT_EQ(read_at(to, 50'000, 4), pattern(100'000).substr(50'000, 4));
  EXPECT_EQ(read_at(from, 60'000, 2), pattern(100'000).substr(60'000, 2));
  EXPECT_WORKS(::unlink("from"));
  EXPECT_WORKS(::ftruncate(from, 0));
  EXPECT_EQ(read_at(to, 0, 100), pattern(100'000).substr(0, 100));
}

TEST_F(Copy, UnalignedRangesIntoTheMiddle) {
  const Fd from = new_file("from", pattern(50'000, 1));
  const Fd to = new_file("to", pattern(60'000, 2));
  copy_all(from, 1'001, to, 7'003, 30'005);
  std::string expected = pattern(60'000, 2);
  expected.replace(7'003, 30'005, pattern(50'000, 1), 1'001, 30'005);
  EXPECT_TRUE(slurp("to") == expected);
}

TEST_F(Copy, WithinOneFile) {
  std::string expected = pattern(50'000);
  const Fd fd = new_file("file", expected);
  copy_all(fd, 0, fd, 40'000, 20'000);
  expected.resize(60'000);
  expected.replace(40'000, 20'000, pattern(50'000), 0, 20'000);
  EXPECT_TRUE(slurp("file") == expected);
}

TEST_F(Copy, HolesReadAsZerosInTheCopy) {
  const Fd from = new_file("from");
  EXPECT_EQ(::pwrite(from, "end", 3, 200'000), 3);
  const Fd to = new_file("to", pattern(200'003));
  copy_all(from, 0, to, 0, 200'003);
  EXPECT_TRUE(slurp("to") == std::string(200'000, '\0') + "end");
}

TEST_F(Copy, StopsAtTheEndOfTheSource) {
  const Fd from = new_file("from", "bytes");
  const Fd to = new_file("to");
  EXPECT_EQ(copy(from, 3, to, 0, 100), 2);
  EXPECT_EQ(copy(from, 5, to, 0, 100), 0);
  EXPECT_EQ(slurp("to"), "es");
}

TEST_F(Copy, MovesPositionsWhenNoOffsetsAreGiven) {
  const Fd from = new_file("from", "0123456789");
  const Fd to = new_file("to");
  EXPECT_WORKS(::lseek(from, 4, SEEK_SET));
  EXPECT_EQ(::copy_file_range(from, nullptr, to, nullptr, 3, 0), 3);
  EXPECT_EQ(::lseek(from, 0, SEEK_CUR), 7);
  EXPECT_EQ(::lseek(to, 0, SEEK_CUR), 3);
  EXPECT_EQ(slurp("to"), "456");
}

TEST_F(Copy, SourceJustWrittenIsCopiedAsWritten) {
  const Fd from = new_file("from", pattern(100'000, 1));
  const Fd to = new_file("to");
  copy_all(from, 0, to, 0, 100'000);
  EXPECT_EQ(::pwrite(from, pattern(100'000, 2).data(), 100'000, 0), 100'000);
  copy_all(from, 0, to, 0, 100'000);
  EXPECT_TRUE(slurp("to") == pattern(100'000, 2));
}

TEST_F(Copy, SendfileFromAndToFiles) {
  const std::string bytes = pattern(300'000);
  const Fd from = new_file("from", bytes);
  const Fd to = new_file("to");
  off_t at = 0;
  while (at < 300'000) ASSERT_GT(::sendfile(to, from, &at, 300'000), 0);
  EXPECT_TRUE(slurp("to") == bytes);
}

TEST_F(Copy, SpliceFromAFileToAPipe) {
  const Fd from = new_file("from", pattern(4'000));
  int ends[2];
  EXPECT_WORKS(::pipe(ends));
  const Fd in = ends[0];
  const Fd out = ends[1];
  off_t at = 100;
  EXPECT_EQ(::splice(from, &at, out, nullptr, 2'000, 0), 2'000);
  std::string bytes(2'000, '\0');
  EXPECT_EQ(::read(in, bytes.data(), bytes.size()), 2'000);
  EXPECT_EQ(bytes, pattern(4'000).substr(100, 2'000));
}

TEST_F(Copy, SpliceFromAPipeToAFile) {
  const Fd to = new_file("to", "0123456789");
  int ends[2];
  EXPECT_WORKS(::pipe(ends));
  const Fd in = ends[0];
  const Fd out = ends[1];
  EXPECT_EQ(::write(out, "piped", 5), 5);
  off_t at = 3;
  EXPECT_EQ(::splice(in, nullptr, to, &at, 5, 0), 5);
  EXPECT_EQ(slurp("to"), "012piped89");
}

}  // namespace
}  // namespace cairn::posix
