// mkdir, rmdir, unlink, mknod: errors; and what names of every kind leave behind.
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

const ErrorCase kMkdirErrors[] = {
    {"Works", 0, [] { return long{::mkdir("dir", 0755)}; }},
    {"TrailingSlash", 0, [] { return long{::mkdir("dir/", 0755)}; }},
    {"OnADirectory", EEXIST,
     [] {
       make_dir("dir");
       return long{::mkdir("dir", 0755)};
     }},
    {"OnAFile", EEXIST,
     [] {
       make_file("file");
       return long{::mkdir("file", 0755)};
     }},
    {"OnADanglingSymlink", EEXIST,
     [] {
       make_symlink("missing", "link");
       return long{::mkdir("link", 0755)};
     }},
    {"OnDot", EEXIST, [] { return long{::mkdir(".", 0755)}; }},
    {"OnDotDot", EEXIST, [] { return long{::mkdir("..", 0755)}; }},
    {"OnTheRoot", EEXIST, [] { return long{::mkdir("/", 0755)}; }},
    {"MissingParent", ENOENT, [] { return long{::mkdir("no/dir", 0755)}; }},
    {"BelowAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::mkdir("file/dir", 0755)};
     }},
    {"NameOf255Bytes", 0, [] { return long{::mkdir(std::string(255, 'd').c_str(), 0755)}; }},
    {"NameOf256Bytes", ENAMETOOLONG,
     [] { return long{::mkdir(std::string(256, 'd').c_str(), 0755)}; }},
    {"ThroughARingOfSymlinks", ELOOP,
     [] {
       make_symlink("a", "a");
       return long{::mkdir("a/dir", 0755)};
     }},
    {"BadPointer", EFAULT, [] { return long{::mkdir(reinterpret_cast<const char*>(1), 0755)}; }},
    {"InARemovedDirectory", ENOENT,
     [] {
       make_dir("dir");
       const Fd dir = ::open("dir", O_RDONLY);
       ::rmdir("dir");
       return long{::mkdirat(dir, "below", 0755)};
     }},
};
CAIRN_ERRORS(MkdirErrors, kMkdirErrors);

const ErrorCase kRmdirErrors[] = {
    {"Works", 0,
     [] {
       make_dir("dir");
       return long{::rmdir("dir")};
     }},
    {"Missing", ENOENT, [] { return long{::rmdir("missing")}; }},
    {"File", ENOTDIR,
     [] {
       make_file("file");
       return long{::rmdir("file")};
     }},
    {"Fifo", ENOTDIR,
     [] {
       make_fifo("fifo");
       return long{::rmdir("fifo")};
     }},
    {"SymlinkToADirectory", ENOTDIR,
     [] {
       make_dir("dir");
       make_symlink("dir", "link");
       return long{::rmdir("link")};
     }},
    {"SymlinkToADirectoryWithASlash", ENOTDIR,
     [] {
       make_dir("dir");
       make_symlink("dir", "link");
       return long{::rmdir("link/")};
     }},
    {"WithAFile", ENOTEMPTY,
     [] {
       make_dir("dir");
       make_file("dir/file");
       return long{::rmdir("dir")};
     }},
    {"WithADirectory", ENOTEMPTY,
     [] {
       make_dir("dir");
       make_dir("dir/below");
       return long{::rmdir("dir")};
     }},
    {"WithADanglingSymlink", ENOTEMPTY,
     [] {
       make_dir("dir");
       make_symlink("missing", "dir/link");
       return long{::rmdir("dir")};
     }},
    {"Dot", EINVAL,
     [] {
       make_dir("dir");
       return long{::rmdir("dir/.")};
     }},
    {"DotDot", ENOTEMPTY,
     [] {
       make_dir("dir");
       make_dir("dir/below");
       return long{::rmdir("dir/below/..")};
     }},
    {"TheRoot", one_of(EBUSY, EACCES, EPERM), [] { return long{::rmdir("/")}; }},
    {"NameOf256Bytes", ENAMETOOLONG, [] { return long{::rmdir(std::string(256, 'd').c_str())}; }},
    {"UnlinkatWithoutTheFlag", EISDIR,
     [] {
       make_dir("dir");
       return long{::unlinkat(AT_FDCWD, "dir", 0)};
     }},
    {"UnlinkatWithTheFlag", 0,
     [] {
       make_dir("dir");
       return long{::unlinkat(AT_FDCWD, "dir", AT_REMOVEDIR)};
     }},
    {"UnlinkatWithAnUnknownFlag", EINVAL,
     [] {
       make_file("file");
       return long{::unlinkat(AT_FDCWD, "file", 0x40000000)};
     }},
};
CAIRN_ERRORS(RmdirErrors, kRmdirErrors);

const ErrorCase kUnlinkErrors[] = {
    {"File", 0,
     [] {
       make_file("file");
       return long{::unlink("file")};
     }},
    {"Fifo", 0,
     [] {
       make_fifo("fifo");
       return long{::unlink("fifo")};
     }},
    {"Socket", 0,
     [] {
       make_socket("socket");
       return long{::unlink("socket")};
     }},
    {"DanglingSymlink", 0,
     [] {
       make_symlink("missing", "link");
       return long{::unlink("link")};
     }},
    {"SymlinkToItself", 0,
     [] {
       make_symlink("link", "link");
       return long{::unlink("link")};
     }},
    {"Missing", ENOENT, [] { return long{::unlink("missing")}; }},
    {"EmptyPath", ENOENT, [] { return long{::unlink("")}; }},
    {"Directory", EISDIR,
     [] {
       make_dir("dir");
       return long{::unlink("dir")};
     }},
    {"Dot", one_of(EISDIR, EINVAL), [] { return long{::unlink(".")}; }},
    {"DotDot", one_of(EISDIR, EBUSY), [] { return long{::unlink("..")}; }},
    {"BelowAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::unlink("file/below")};
     }},
    {"FileWithASlash", ENOTDIR,
     [] {
       make_file("file");
       return long{::unlink("file/")};
     }},
    {"MissingParent", ENOENT, [] { return long{::unlink("no/file")}; }},
    {"NameOf256Bytes", ENAMETOOLONG, [] { return long{::unlink(std::string(256, 'f').c_str())}; }},
    {"Twice", ENOENT,
     [] {
       make_file("file");
       ::unlink("file");
       return long{::unlink("file")};
     }},
    {"BadPointer", EFAULT, [] { return long{::unlink(reinterpret_cast<const char*>(1))}; }},
};
CAIRN_ERRORS(UnlinkErrors, kUnlinkErrors);

const ErrorCase kMknodErrors[] = {
    {"RegularFile", 0, [] { return long{::mknod("node", S_IFREG | 0644, 0)}; }},
    {"TypeZeroIsARegularFile", 0, [] { return long{::mknod("node", 0644, 0)}; }},
    {"Fifo", 0, [] { return long{::mknod("node", S_IFIFO | 0644, 0)}; }},
    {"Socket", 0, [] { return long{::mknod("node", S_IFSOCK | 0644, 0)}; }},
    {"Directory", EPERM, [] { return long{::mknod("node", S_IFDIR | 0755, 0)}; }},
    {"Symlink", EINVAL, [] { return long{::mknod("node", S_IFLNK | 0777, 0)}; }},
    {"OnAFile", EEXIST,
     [] {
       make_file("node");
       return long{::mknod("node", S_IFIFO | 0644, 0)};
     }},
    {"OnADanglingSymlink", EEXIST,
     [] {
       make_symlink("missing", "node");
       return long{::mknod("node", S_IFREG | 0644, 0)};
     }},
    {"MissingParent", ENOENT, [] { return long{::mkfifo("no/node", 0644)}; }},
    {"BelowAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::mkfifo("file/node", 0644)};
     }},
    {"TrailingSlash", ENOENT, [] { return long{::mkfifo("node/", 0644)}; }},
    {"NameOf256Bytes", ENAMETOOLONG,
     [] { return long{::mkfifo(std::string(256, 'f').c_str(), 0644)}; }},
};
CAIRN_ERRORS(MknodErrors, kMknodErrors);

class Names : public PosixTest {};

TEST_F(Names, ReadlinkCutsAtTheBufferAndAddsNoZero) {
  make_symlink("target", "link");
  char buffer[8] = "#######";
  EXPECT_EQ(::readlink("link", buffer, 3), 3);
  EXPECT_EQ(std::string(buffer, 7), "tar####");
}

TEST_F(Names, LongSymlinksKeepTheirTarget) {
  for (const std::size_t length : {1U, 59U, 60U, 61U, 255U, 256U, 1000U, 4000U}) {
    const std::string target(length, 't');
    const std::string name = "link" + std::to_string(length);
    make_symlink(target, name);
    std::string buffer(5000, '\0');
    EXPECT_EQ(::readlink(name.c_str(), buffer.data(), buffer.size()), static_cast<ssize_t>(length));
    EXPECT_EQ(buffer.substr(0, length), target);
    EXPECT_EQ(stat_of(name).st_size, static_cast<off_t>(length));
  }
}

TEST_F(Names, SymlinkIsFollowedRelativeToItsOwnDirectory) {
  make_dir("dir");
  make_file("dir/file", "right");
  make_file("file", "wrong");
  make_symlink("file", "dir/link");
  EXPECT_EQ(slurp("dir/link"), "right");
}

TEST_F(Names, MkdirCountsInTheParentsLinks) {
  make_dir("dir");
  const auto before = stat_of("dir").st_nlink;
  make_dir("dir/below");
  const auto with = stat_of("dir").st_nlink;
  EXPECT_WORKS(::rmdir("dir/below"));
  EXPECT_EQ(stat_of("dir").st_nlink, before);
  // Filesystems that do not count subdirectories always show 1.
  EXPECT_TRUE(with == before + 1 || (before == 1 && with == 1)) << before << " " << with;
}

TEST_F(Names, MkdirObeysTheUmaskAndKeepsTheStickyBit) {
  ::umask(027);
  EXPECT_WORKS(::mkdir("dir", 0777));
  EXPECT_EQ(permissions_of("dir"), 0750U);
  EXPECT_WORKS(::mkdir("sticky", 01777));
  EXPECT_EQ(permissions_of("sticky"), 01750U);
}

TEST_F(Names, DotDotOfANewDirectoryIsItsParent) {
  make_dir("dir");
  make_dir("dir/below");
  EXPECT_EQ(stat_of("dir/below/..").st_ino, stat_of("dir").st_ino);
  EXPECT_EQ(stat_of("dir/.").st_ino, stat_of("dir").st_ino);
}

TEST_F(Names, MkfifoObeysTheUmask) {
  ::umask(022);
  EXPECT_WORKS(::mkfifo("fifo", 0666));
  EXPECT_EQ(stat_of("fifo").st_mode, static_cast<mode_t>(S_IFIFO | 0644));
}

TEST_F(Names, HardLinksAreOneFile) {
  make_file("one", "bytes");
  EXPECT_WORKS(::link("one", "two"));
  EXPECT_EQ(stat_of("one").st_ino, stat_of("two").st_ino);
  EXPECT_EQ(stat_of("one").st_nlink, 2U);
  const Fd fd = open_rw("two");
  EXPECT_EQ(::pwrite(fd, "BY", 2, 0), 2);
  EXPECT_EQ(slurp("one"), "BYtes");
  EXPECT_WORKS(::chmod("two", 0600));
  EXPECT_EQ(permissions_of("one"), 0600U);
  EXPECT_WORKS(::unlink("one"));
  EXPECT_EQ(stat_of("two").st_nlink, 1U);
  EXPECT_EQ(slurp("two"), "BYtes");
}

TEST_F(Names, AThousandHardLinksAreCounted) {
  make_file("file");
  for (int i = 0; i < 1000; ++i) {
    ASSERT_WORKS(::link("file", ("link" + std::to_string(i)).c_str()));
  }
  EXPECT_EQ(stat_of("file").st_nlink, 1001U);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_WORKS(::unlink(("link" + std::to_string(i)).c_str()));
  }
  EXPECT_EQ(stat_of("file").st_nlink, 1U);
}

TEST_F(Names, LinkOfASymlinkIsTheSymlink) {
  make_symlink("missing", "one");
  EXPECT_WORKS(::link("one", "two"));
  EXPECT_TRUE(S_ISLNK(stat_of("two").st_mode));
  EXPECT_EQ(stat_of("one").st_ino, stat_of("two").st_ino);
}

TEST_F(Names, UnlinkedFileLivesWhileItIsOpen) {
  const Fd fd = new_file("file", "bytes");
  EXPECT_WORKS(::unlink("file"));
  EXPECT_FALSE(exists("file"));
  EXPECT_EQ(stat_of_fd(fd).st_nlink, 0U);
  EXPECT_EQ(read_at(fd, 0, 10), "bytes");
  EXPECT_EQ(::pwrite(fd, "more", 4, 5), 4);
  EXPECT_EQ(read_at(fd, 0, 10), "bytesmore");
  EXPECT_WORKS(::ftruncate(fd, 2));
  EXPECT_EQ(stat_of_fd(fd).st_size, 2);
  EXPECT_WORKS(::fchmod(fd, 0600));
  EXPECT_WORKS(::fsync(fd));
}

TEST_F(Names, ANewFileOfAnUnlinkedNameIsAnother) {
  const Fd old = new_file("file", "old");
  EXPECT_WORKS(::unlink("file"));
  const Fd fresh = new_file("file", "new");
  EXPECT_EQ(read_at(old, 0, 10), "old");
  EXPECT_EQ(read_at(fresh, 0, 10), "new");
  EXPECT_NE(stat_of_fd(old).st_ino, stat_of_fd(fresh).st_ino);
}

TEST_F(Names, RemovedDirectoryStaysOpenAndEmpty) {
  make_dir("dir");
  const Fd dir = ::open("dir", O_RDONLY);
  EXPECT_WORKS(::rmdir("dir"));
  struct stat answer{};
  EXPECT_WORKS(::fstat(dir, &answer));
  EXPECT_FAILS(ENOENT, ::openat(dir, "file", O_CREAT | O_RDWR, 0644));
  EXPECT_FAILS(ENOENT, ::symlinkat("t", dir, "link"));
  EXPECT_FAILS(ENOENT, ::mkfifoat(dir, "fifo", 0644));
}

TEST_F(Names, OddBytesAreKept) {
  for (const std::string name :
       {"\xff\xfe", "tab\there", "new\nline", "ünïcode", "日本", " ", "...", "-rf", "*",
        "back\\slash", "\x01", "e\xcc\x81", "\xc3\xa9"}) {
    make_file(name, name);
    EXPECT_EQ(slurp(name), name);
    EXPECT_EQ(names_in(".").count(name), 1U);
  }
  EXPECT_EQ(names_in(".").size(), 13U);
}

TEST_F(Names, CaseMatters) {
  make_file("name", "small");
  make_file("NAME", "large");
  EXPECT_EQ(slurp("name"), "small");
  EXPECT_EQ(slurp("NAME"), "large");
}

TEST_F(Names, LongNamesThatDifferInTheLastByteAreTwo) {
  const std::string stem(254, 'x');
  make_file(stem + "a", "a");
  make_file(stem + "b", "b");
  EXPECT_EQ(slurp(stem + "a"), "a");
  EXPECT_WORKS(::unlink((stem + "a").c_str()));
  EXPECT_EQ(slurp(stem + "b"), "b");
}

TEST_F(Names, PathsDeeperThanPathMaxWorkStepByStep) {
  const std::string name(200, 'd');
  for (int depth = 0; depth < 25; ++depth) {
    ASSERT_WORKS(::mkdir(name.c_str(), 0755));
    ASSERT_WORKS(::chdir(name.c_str()));
  }
  make_file("deep", "bytes");
  EXPECT_EQ(slurp("deep"), "bytes");
  EXPECT_WORKS(::unlink("deep"));
  for (int depth = 0; depth < 25; ++depth) {
    ASSERT_WORKS(::chdir(".."));
    ASSERT_WORKS(::rmdir(name.c_str()));
  }
}

TEST_F(Names, FifoCarriesBytesBetweenProcesses) {
  make_fifo("fifo");
  Process writer([]() -> long {
    const Fd fd = ::open("fifo", O_WRONLY);
    return ::write(fd, "through", 7);
  });
  const Fd fd = ::open("fifo", O_RDONLY);
  char buffer[16] = {};
  EXPECT_EQ(::read(fd, buffer, sizeof buffer), 7);
  EXPECT_STREQ(buffer, "through");
  EXPECT_EQ(writer.join(), 7);
}

TEST_F(Names, UnixSocketIsConnectedByItsName) {
  const Fd server = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string("socket").copy(address.sun_path, 6);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_WORKS(::bind(server, name, sizeof address));
  EXPECT_WORKS(::listen(server, 1));
  EXPECT_TRUE(S_ISSOCK(stat_of("socket").st_mode));
  EXPECT_FAILS(EADDRINUSE, ::bind(::socket(AF_UNIX, SOCK_STREAM, 0), name, sizeof address));
  const Fd client = ::socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_WORKS(::connect(client, name, sizeof address));
  const Fd accepted = ::accept(server, nullptr, nullptr);
  EXPECT_EQ(::write(client, "hi", 2), 2);
  char buffer[4] = {};
  EXPECT_EQ(::read(accepted, buffer, sizeof buffer), 2);
}

class DevicesByRoot : public PosixTest {};

TEST_F(DevicesByRoot, KeepTheirNumbers) {
  EXPECT_WORKS(::mknod("char", S_IFCHR | 0600, ::makedev(1, 3)));
  EXPECT_WORKS(::mknod("block", S_IFBLK | 0600, ::makedev(259, 70000)));
  EXPECT_TRUE(S_ISCHR(stat_of("char").st_mode));
  EXPECT_EQ(stat_of("char").st_rdev, ::makedev(1, 3));
  EXPECT_TRUE(S_ISBLK(stat_of("block").st_mode));
  EXPECT_EQ(stat_of("block").st_rdev, ::makedev(259, 70000));
}

TEST_F(DevicesByRoot, NullDeviceWorksUnlessMountedNodev) {
  EXPECT_WORKS(::mknod("null", S_IFCHR | 0666, ::makedev(1, 3)));
  EXPECT_FAILS(one_of(0, EACCES), ::open("null", O_RDWR));
}

TEST_F(DevicesByRoot, AreRefusedToOthers) {
  EXPECT_WORKS(::chmod(".", 0777));
  EXPECT_FAILS(EPERM, as_user(kAlice, [] { return ::mknod("c", S_IFCHR | 0600, 259); }));
  EXPECT_FAILS(EPERM, as_user(kAlice, [] { return ::mknod("b", S_IFBLK | 0600, 259); }));
  EXPECT_WORKS(as_user(kAlice, [] { return ::mknod("f", S_IFIFO | 0600, 0); }));
  EXPECT_WORKS(as_user(kAlice, [] { return ::mknod("s", S_IFSOCK | 0600, 0); }));
}

class DevicesByUser : public PosixTest {};

TEST_F(DevicesByUser, AreRefused) {
  EXPECT_FAILS(EPERM, ::mknod("char", S_IFCHR | 0600, ::makedev(1, 3)));
  EXPECT_FAILS(EPERM, ::mknod("block", S_IFBLK | 0600, ::makedev(1, 3)));
}

}  // namespace
}  // namespace cairn::posix
