// open(2), creat(2), openat(2): flags and errors.
#include <algorithm>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

const ErrorCase kOpenErrors[] = {
    {"MissingFile", ENOENT, [] { return long{::open("missing", O_RDONLY)}; }},
    {"EmptyPath", ENOENT, [] { return long{::open("", O_RDONLY)}; }},
    {"MissingParent", ENOENT, [] { return long{::open("no/file", O_CREAT | O_RDWR, 0644)}; }},
    {"ParentIsAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::open("file/below", O_CREAT | O_RDWR, 0644)};
     }},
    {"ParentIsAFifo", ENOTDIR,
     [] {
       make_fifo("fifo");
       return long{::open("fifo/below", O_RDONLY)};
     }},
    {"FileWithTrailingSlash", ENOTDIR,
     [] {
       make_file("file");
       return long{::open("file/", O_RDONLY)};
     }},
    {"CreateWithTrailingSlash", EISDIR,
     [] { return long{::open("new/", O_CREAT | O_RDWR, 0644)}; }},
    {"DirectoryForWriting", EISDIR,
     [] {
       make_dir("dir");
       return long{::open("dir", O_WRONLY)};
     }},
    {"DirectoryForReadingAndWriting", EISDIR,
     [] {
       make_dir("dir");
       return long{::open("dir", O_RDWR)};
     }},
    {"DirectoryWithCreate", EISDIR,
     [] {
       make_dir("dir");
       return long{::open("dir", O_CREAT | O_RDONLY, 0644)};
     }},
    {"DirectoryWithTruncate", EISDIR,
     [] {
       make_dir("dir");
       return long{::open("dir", O_RDONLY | O_TRUNC)};
     }},
    {"ExclusiveOnAFile", EEXIST,
     [] {
       make_file("file");
       return long{::open("file", O_CREAT | O_EXCL | O_RDWR, 0644)};
     }},
    {"ExclusiveOnADirectory", EEXIST,
     [] {
       make_dir("dir");
       return long{::open("dir", O_CREAT | O_EXCL | O_RDWR, 0644)};
     }},
    {"ExclusiveOnADanglingSymlink", EEXIST,
     [] {
       make_symlink("missing", "link");
       return long{::open("link", O_CREAT | O_EXCL | O_RDWR, 0644)};
     }},
    {"DanglingSymlink", ENOENT,
     [] {
       make_symlink("missing", "link");
       return long{::open("link", O_RDONLY)};
     }},
    {"SymlinkToItself", ELOOP,
     [] {
       make_symlink("link", "link");
       return long{::open("link", O_RDONLY)};
     }},
    {"SymlinksInARing", ELOOP,
     [] {
       make_symlink("b", "a");
       make_symlink("a", "b");
       return long{::open("a", O_RDONLY)};
     }},
    {"RingAsParent", ELOOP,
     [] {
       make_symlink("b", "a");
       make_symlink("a", "b");
       return long{::open("a/file", O_CREAT | O_RDWR, 0644)};
     }},
    {"NoFollowOnASymlink", ELOOP,
     [] {
       make_file("file");
       make_symlink("file", "link");
       return long{::open("link", O_RDONLY | O_NOFOLLOW)};
     }},
    {"NoFollowOnAFile", 0,
     [] {
       make_file("file");
       return long{::open("file", O_RDONLY | O_NOFOLLOW)};
     }},
    {"NoFollowWithASymlinkAsParent", 0,
     [] {
       make_dir("dir");
       make_file("dir/file");
       make_symlink("dir", "link");
       return long{::open("link/file", O_RDONLY | O_NOFOLLOW)};
     }},
    {"DirectoryFlagOnAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::open("file", O_RDONLY | O_DIRECTORY)};
     }},
    {"DirectoryFlagOnAFifo", ENOTDIR,
     [] {
       make_fifo("fifo");
       return long{::open("fifo", O_RDONLY | O_DIRECTORY | O_NONBLOCK)};
     }},
    {"DirectoryFlagOnADirectory", 0,
     [] {
       make_dir("dir");
       return long{::open("dir", O_RDONLY | O_DIRECTORY)};
     }},
    {"DirectoryFlagOnASymlinkToADirectory", 0,
     [] {
       make_dir("dir");
       make_symlink("dir", "link");
       return long{::open("link", O_RDONLY | O_DIRECTORY)};
     }},
    {"NameOf255Bytes", 0,
     [] { return long{::open(std::string(255, 'n').c_str(), O_CREAT | O_RDWR, 0644)}; }},
    {"NameOf256Bytes", ENAMETOOLONG,
     [] { return long{::open(std::string(256, 'n').c_str(), O_CREAT | O_RDWR, 0644)}; }},
    {"MissingNameOf256Bytes", ENAMETOOLONG,
     [] { return long{::open(std::string(256, 'n').c_str(), O_RDONLY)}; }},
    {"DirectoryNameOf256BytesInThePath", ENAMETOOLONG,
     [] { return long{::open((std::string(256, 'n') + "/f").c_str(), O_RDONLY)}; }},
    {"PathOf4096Bytes", ENAMETOOLONG,
     [] {
       std::string path;
       while (path.size() < 4096) path += "./";
       return long{::open(path.c_str(), O_RDONLY)};
     }},
    {"PathOf4095Bytes", 0,
     [] {
       make_file("f");
       std::string path;
       while (path.size() < 4094) path += "./";
       return long{::open((path + "f").c_str(), O_RDONLY)};
     }},
    {"BadPathPointer", EFAULT,
     [] { return long{::open(reinterpret_cast<const char*>(1), O_RDONLY)}; }},
    {"SocketFile", ENXIO,
     [] {
       make_socket("socket");
       return long{::open("socket", O_RDWR)};
     }},
    {"FifoForWritingWithoutAReader", ENXIO,
     [] {
       make_fifo("fifo");
       return long{::open("fifo", O_WRONLY | O_NONBLOCK)};
     }},
    {"FifoForReadingWithoutAWriter", 0,
     [] {
       make_fifo("fifo");
       return long{::open("fifo", O_RDONLY | O_NONBLOCK)};
     }},
    {"OpenatOnABadDescriptor", EBADF, [] { return long{::openat(-1, "file", O_RDONLY)}; }},
    {"OpenatOnAFile", ENOTDIR,
     [] {
       const Fd file = new_file("file");
       return long{::openat(file, "below", O_RDONLY)};
     }},
    {"OpenatInADirectory", 0,
     [] {
       make_dir("dir");
       make_file("dir/file");
       const Fd dir = ::open("dir", O_RDONLY);
       return long{::openat(dir, "file", O_RDONLY)};
     }},
    {"OpenatWithAnAbsolutePathIgnoresTheDescriptor", 0,
     [] { return long{::openat(-1, Scratch::base().c_str(), O_RDONLY)}; }},
    {"CreateInARemovedDirectory", ENOENT,
     [] {
       make_dir("dir");
       const Fd dir = ::open("dir", O_RDONLY);
       ::rmdir("dir");
       return long{::openat(dir, "file", O_CREAT | O_RDWR, 0644)};
     }},
    {"CreatMakesAFile", 0, [] { return long{::creat("new", 0644)}; }},
    {"CreatOnADirectory", EISDIR,
     [] {
       make_dir("dir");
       return long{::creat("dir", 0644)};
     }},
    {"SyncFlags", 0,
     [] { return long{::open("new", O_CREAT | O_RDWR | O_SYNC | O_DSYNC | O_CLOEXEC, 0644)}; }},
    {"NoAtimeOnAFileOfOurOwn", 0,
     [] {
       make_file("file");
       return long{::open("file", O_RDONLY | O_NOATIME)};
     }},
};
CAIRN_ERRORS(OpenErrors, kOpenErrors);

class Open : public PosixTest {};

TEST_F(Open, CreatesAnEmptyFileWithTheModeLessTheUmask) {
  ::umask(027);
  const Fd fd = ::open("new", O_CREAT | O_RDWR, 0666);
  ASSERT_WORKS(int{fd});
  EXPECT_EQ(permissions_of("new"), 0640U);
  EXPECT_EQ(stat_of("new").st_size, 0);
  EXPECT_EQ(stat_of("new").st_nlink, 1U);
  EXPECT_EQ(stat_of("new").st_uid, ::geteuid());
}

TEST_F(Open, CreateWithModeZeroStillGivesAWritableDescriptor) {
  const Fd fd = ::open("new", O_CREAT | O_RDWR, 0);
  ASSERT_WORKS(int{fd});
  EXPECT_WORKS(::write(fd, "x", 1));
  EXPECT_EQ(permissions_of("new"), 0U);
}

TEST_F(Open, CreateKeepsModeAndBytesOfAnExistingFile) {
  make_file("file", "bytes", 0600);
  const Fd fd = ::open("file", O_CREAT | O_RDWR, 0777);
  EXPECT_EQ(slurp("file"), "bytes");
  EXPECT_EQ(permissions_of("file"), 0600U);
}

TEST_F(Open, TruncateEmptiesTheFileAndKeepsTheInode) {
  make_file("file", "bytes");
  const ino_t before = stat_of("file").st_ino;
  const Fd fd = ::open("file", O_WRONLY | O_TRUNC);
  EXPECT_EQ(stat_of("file").st_size, 0);
  EXPECT_EQ(stat_of("file").st_ino, before);
}

TEST_F(Open, TruncateOfAMappedOtherDescriptorShowsAtOnce) {
  const Fd other = new_file("file", "bytes");
  const Fd fd = ::open("file", O_RDWR | O_TRUNC);
  EXPECT_EQ(read_at(other, 0, 10), "");
}

TEST_F(Open, CreateFollowsADanglingSymlink) {
  make_symlink("target", "link");
  const Fd fd = ::open("link", O_CREAT | O_RDWR, 0644);
  EXPECT_WORKS(int{fd});
  EXPECT_TRUE(S_ISREG(stat_of("target").st_mode));
}

TEST_F(Open, AppendWritesAtTheEndWhateverThePosition) {
  make_file("file", "12345");
  const Fd fd = ::open("file", O_WRONLY | O_APPEND);
  EXPECT_WORKS(::lseek(fd, 0, SEEK_SET));
  EXPECT_EQ(::write(fd, "67", 2), 2);
  EXPECT_EQ(slurp("file"), "1234567");
  EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), 7);
}

TEST_F(Open, AppendSetByFcntlCounts) {
  const Fd fd = new_file("file", "12345");
  EXPECT_WORKS(::fcntl(fd, F_SETFL, O_APPEND));
  EXPECT_EQ(::write(fd, "67", 2), 2);
  EXPECT_EQ(slurp("file"), "1234567");
}

TEST_F(Open, PwriteOnAnAppendDescriptorAppendsOnLinux) {
  make_file("file", "12345");
  const Fd fd = ::open("file", O_RDWR | O_APPEND);
  EXPECT_EQ(::pwrite(fd, "67", 2, 0), 2);
  EXPECT_EQ(slurp("file"), "1234567");
}

TEST_F(Open, TwoAppendersSeeEachOthersEnd) {
  make_file("file");
  const Fd one = ::open("file", O_WRONLY | O_APPEND);
  const Fd two = ::open("file", O_WRONLY | O_APPEND);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(::write(one, "a", 1), 1);
    EXPECT_EQ(::write(two, "bb", 2), 2);
  }
  std::string expected;
  for (int i = 0; i < 20; ++i) expected += "abb";
  EXPECT_EQ(slurp("file"), expected);
}

TEST_F(Open, DescriptorIsTheLowestFree) {
  const Fd one = new_file("one");
  const int number = one;
  Fd again;
  {
    Fd two = ::dup(one);
    again = ::open("one", O_RDONLY);
  }
  EXPECT_GT(int{again}, number);
}

TEST_F(Open, ReadOnlyDescriptorDoesNotWrite) {
  make_file("file", "x");
  const Fd fd = ::open("file", O_RDONLY);
  EXPECT_FAILS(EBADF, ::write(fd, "y", 1));
  EXPECT_FAILS(one_of(EINVAL, EBADF), ::ftruncate(fd, 0));
}

TEST_F(Open, WriteOnlyDescriptorDoesNotRead) {
  make_file("file", "x");
  const Fd fd = ::open("file", O_WRONLY);
  char byte = 0;
  EXPECT_FAILS(EBADF, ::read(fd, &byte, 1));
}

TEST_F(Open, AFileStaysReadableByADescriptorAfterChmod) {
  const Fd fd = new_file("file", "bytes");
  EXPECT_WORKS(::chmod("file", 0));
  EXPECT_EQ(read_at(fd, 0, 10), "bytes");
}

class OpenPath : public PosixTest {};

TEST_F(OpenPath, DoesNotReadOrWrite) {
  make_file("file", "bytes");
  const Fd fd = ::open("file", O_PATH);
  char byte = 0;
  EXPECT_FAILS(EBADF, ::read(fd, &byte, 1));
  EXPECT_FAILS(EBADF, ::write(fd, &byte, 1));
  EXPECT_FAILS(EBADF, ::fchmod(fd, 0600));
  EXPECT_FAILS(EBADF, ::ftruncate(fd, 0));
}

TEST_F(OpenPath, StatsWithoutFollowingASymlink) {
  make_symlink("missing", "link");
  const Fd fd = ::open("link", O_PATH | O_NOFOLLOW);
  ASSERT_WORKS(int{fd});
  EXPECT_TRUE(S_ISLNK(stat_of_fd(fd).st_mode));
  char target[16] = {};
  EXPECT_EQ(::readlinkat(fd, "", target, sizeof target), 7);
}

TEST_F(OpenPath, IsReopenedThroughProc) {
  make_file("file", "bytes");
  const Fd fd = ::open("file", O_PATH);
  const Fd again = ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY);
  EXPECT_EQ(read_at(again, 0, 10), "bytes");
}

TEST_F(OpenPath, OfADirectoryIsAStartForOpenat) {
  make_dir("dir");
  make_file("dir/file", "bytes");
  const Fd dir = ::open("dir", O_PATH | O_DIRECTORY);
  const Fd file = ::openat(dir, "file", O_RDONLY);
  EXPECT_EQ(read_at(file, 0, 10), "bytes");
}

class OpenTmpfile : public PosixTest {};

TEST_F(OpenTmpfile, HasNoNameAndNoLinks) {
  if (lacks(Feature::kTmpfile)) return;
  const Fd fd = ::open(".", O_TMPFILE | O_RDWR, 0600);
  ASSERT_WORKS(int{fd});
  EXPECT_EQ(stat_of_fd(fd).st_nlink, 0U);
  EXPECT_TRUE(names_in(".").empty());
  EXPECT_EQ(::write(fd, "bytes", 5), 5);
  EXPECT_EQ(read_at(fd, 0, 10), "bytes");
}

TEST_F(OpenTmpfile, GetsANameByLinkat) {
  if (lacks(Feature::kTmpfile)) return;
  const Fd fd = ::open(".", O_TMPFILE | O_RDWR, 0600);
  ASSERT_WORKS(int{fd});
  EXPECT_EQ(::write(fd, "bytes", 5), 5);
  EXPECT_WORKS(::linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str(), AT_FDCWD,
                        "named", AT_SYMLINK_FOLLOW));
  EXPECT_EQ(slurp("named"), "bytes");
  EXPECT_EQ(stat_of("named").st_nlink, 1U);
}

TEST_F(OpenTmpfile, WithExclusiveCannotGetAName) {
  if (lacks(Feature::kTmpfile)) return;
  const Fd fd = ::open(".", O_TMPFILE | O_EXCL | O_RDWR, 0600);
  ASSERT_WORKS(int{fd});
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  // FUSE's kernel client does not tell the server about O_EXCL here, and links.
  EXPECT_FAILS(filesystem_kind() == Kind::kFuse ? one_of(ENOENT, 0) : Allowed(ENOENT),
               ::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
}

TEST_F(OpenTmpfile, ForReadingOnlyIsAnError) {
  EXPECT_FAILS(EINVAL, ::open(".", O_TMPFILE | O_RDONLY, 0600));
}

TEST_F(OpenTmpfile, BelowAFileIsAnError) {
  make_file("file");
  EXPECT_FAILS(ENOTDIR, ::open("file", O_TMPFILE | O_RDWR, 0600));
}

TEST_F(OpenTmpfile, ObeysTheUmask) {
  if (lacks(Feature::kTmpfile)) return;
  ::umask(077);
  const Fd fd = ::open(".", O_TMPFILE | O_RDWR, 0666);
  EXPECT_EQ(stat_of_fd(fd).st_mode & 07777U, 0600U);
}

class OpenDirect : public PosixTest {};

TEST_F(OpenDirect, ReadsAndWritesAlignedBlocks) {
  if (lacks(Feature::kDirectIo)) return;
  const Fd fd = ::open("file", O_CREAT | O_RDWR | O_DIRECT, 0644);
  // A filesystem may refuse O_DIRECT altogether: with EINVAL, at open.
  if (fd < 0) {
    EXPECT_EQ(errno, EINVAL);
    return;
  }
  alignas(4096) static char block[8192];
  const std::string bytes = pattern(sizeof block);
  bytes.copy(block, sizeof block);
  EXPECT_EQ(::pwrite(fd, block, sizeof block, 0), 8192);
  std::fill(block, block + sizeof block, '\0');
  EXPECT_EQ(::pread(fd, block, sizeof block, 0), 8192);
  EXPECT_EQ(std::string(block, sizeof block), bytes);
}

TEST_F(OpenDirect, AndBufferedDescriptorsSeeTheSameBytes) {
  if (lacks(Feature::kDirectIo)) return;
  const Fd buffered = new_file("file", pattern(8192, 1));
  const Fd fd = ::open("file", O_RDWR | O_DIRECT);
  if (fd < 0) return;
  alignas(4096) static char block[4096];
  EXPECT_EQ(::pread(fd, block, sizeof block, 4096), 4096);
  EXPECT_EQ(std::string(block, 4096), pattern(8192, 1).substr(4096));
  pattern(4096, 2).copy(block, sizeof block);
  EXPECT_EQ(::pwrite(fd, block, sizeof block, 0), 4096);
  EXPECT_EQ(read_at(buffered, 0, 4096), pattern(4096, 2));
}

}  // namespace
}  // namespace cairn::posix
