// chmod, chown, umask, access: who may, and which bits a change clears.
#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

constexpr uid_t kKeepUid = static_cast<uid_t>(-1);
constexpr gid_t kKeepGid = static_cast<gid_t>(-1);

const ErrorCase kModeErrors[] = {
    {"ChmodOfNothing", ENOENT, [] { return long{::chmod("missing", 0600)}; }},
    {"ChmodBelowAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::chmod("file/below", 0600)};
     }},
    {"ChmodOfALongName", ENAMETOOLONG,
     [] { return long{::chmod(std::string(256, 'f').c_str(), 0600)}; }},
    {"ChmodOfARing", ELOOP,
     [] {
       make_symlink("a", "a");
       return long{::chmod("a", 0600)};
     }},
    {"ChmodOfADanglingSymlink", ENOENT,
     [] {
       make_symlink("missing", "link");
       return long{::chmod("link", 0600)};
     }},
    {"FchmodOfABadDescriptor", EBADF, [] { return long{::fchmod(-1, 0600)}; }},
    {"ChmodOfAFifo", 0,
     [] {
       make_fifo("fifo");
       return long{::chmod("fifo", 0600)};
     }},
    {"ChownOfNothing", ENOENT, [] { return long{::chown("missing", kKeepUid, kKeepGid)}; }},
    {"ChownToTheSame", 0,
     [] {
       make_file("file");
       return long{::chown("file", ::geteuid(), ::getegid())};
     }},
    {"ChownOfNeither", 0,
     [] {
       make_file("file");
       return long{::chown("file", kKeepUid, kKeepGid)};
     }},
    {"LchownOfADanglingSymlink", 0,
     [] {
       make_symlink("missing", "link");
       return long{::lchown("link", ::geteuid(), ::getegid())};
     }},
    {"ChownOfADanglingSymlink", ENOENT,
     [] {
       make_symlink("missing", "link");
       return long{::chown("link", ::geteuid(), ::getegid())};
     }},
    {"FchownatOfAnUnknownFlag", EINVAL,
     [] {
       make_file("file");
       return long{::fchownat(AT_FDCWD, "file", kKeepUid, kKeepGid, 0x40000000)};
     }},
    {"AccessOfNothing", ENOENT, [] { return long{::access("missing", F_OK)}; }},
    {"AccessOfADanglingSymlink", ENOENT,
     [] {
       make_symlink("missing", "link");
       return long{::access("link", F_OK)};
     }},
    {"AccessOfADanglingSymlinkItself", 0,
     [] {
       make_symlink("missing", "link");
       return long{::faccessat(AT_FDCWD, "link", F_OK, AT_SYMLINK_NOFOLLOW)};
     }},
    {"AccessWithABadMode", EINVAL,
     [] {
       make_file("file");
       return long{::access("file", 8)};
     }},
    {"AccessToExecuteAFileWithoutBits", EACCES,
     [] {
       make_file("file", "", 0644);
       return long{::access("file", X_OK)};
     }},
    {"AccessToExecuteAProgram", 0,
     [] {
       make_file("file", "", 0755);
       return long{::access("file", X_OK)};
     }},
};
CAIRN_ERRORS(ModeErrors, kModeErrors);

class ChmodBits : public PosixTest, public ::testing::WithParamInterface<int> {};

TEST_P(ChmodBits, AreKeptOnAFileAndADirectory) {
  const auto mode = static_cast<mode_t>(GetParam());
  make_file("file");
  make_dir("dir");
  EXPECT_WORKS(::chmod("file", mode));
  EXPECT_WORKS(::chmod("dir", mode));
  EXPECT_EQ(permissions_of("file"), mode);
  EXPECT_EQ(permissions_of("dir"), mode);
}

INSTANTIATE_TEST_SUITE_P(Each, ChmodBits,
                         ::testing::Values(0, 0001, 0002, 0004, 0010, 0020, 0040, 0100, 0200, 0400,
                                           01000, 02000, 04000, 0777, 07777),
                         [](const auto& row) { return "Mode" + std::to_string(row.param); });

class Mode : public PosixTest {};

TEST_F(Mode, ChmodFollowsSymlinks) {
  make_file("file");
  make_symlink("file", "link");
  EXPECT_WORKS(::chmod("link", 0600));
  EXPECT_EQ(permissions_of("file"), 0600U);
}

TEST_F(Mode, UmaskAppliesToEveryKindOfCreation) {
  ::umask(077);
  const Fd fd = ::open("file", O_CREAT | O_RDWR, 0777);
  EXPECT_WORKS(::mkdir("dir", 0777));
  EXPECT_WORKS(::mkfifo("fifo", 0777));
  EXPECT_WORKS(::mknod("node", S_IFREG | 0777, 0));
  make_socket("socket");
  for (const char* name : {"file", "dir", "fifo", "node", "socket"}) {
    EXPECT_EQ(permissions_of(name), 0700U) << name;
  }
}

TEST_F(Mode, SetgidDirectoryHandsItsBitToNewDirectories) {
  make_dir("dir");
  EXPECT_WORKS(::chmod("dir", 02755));
  EXPECT_WORKS(::mkdir("dir/below", 0755));
  make_file("dir/file");
  EXPECT_EQ(permissions_of("dir/below"), 02755U);
  EXPECT_EQ(permissions_of("dir/file"), 0644U);
}

class ModeByUser : public PosixTest {};

TEST_F(ModeByUser, OwnFileWithoutBitsIsRefused) {
  make_file("file", "bytes", 0);
  EXPECT_FAILS(EACCES, ::open("file", O_RDONLY));
  EXPECT_FAILS(EACCES, ::open("file", O_WRONLY));
  EXPECT_FAILS(EACCES, ::truncate("file", 0));
  EXPECT_FAILS(EACCES, ::access("file", R_OK));
}

TEST_F(ModeByUser, OwnDirectoryWithoutBitsIsRefused) {
  make_dir("dir");
  make_file("dir/file");
  EXPECT_WORKS(::chmod("dir", 0));
  EXPECT_FAILS(EACCES, ::open("dir", O_RDONLY));
  EXPECT_FAILS(EACCES, ::open("dir/file", O_RDONLY));
  EXPECT_FAILS(EACCES, ::unlink("dir/file"));
  EXPECT_FAILS(EACCES, ::mkdir("dir/below", 0755));
}

TEST_F(ModeByUser, CannotGiveAFileAway) {
  make_file("file");
  EXPECT_FAILS(EPERM, ::chown("file", 0, kKeepGid));
  EXPECT_FAILS(EPERM, ::chown("file", kKeepUid, 0));
}

TEST_F(ModeByUser, WritingClearsSetuidAndSetgid) {
  make_file("file", "bytes");
  EXPECT_WORKS(::chmod("file", 06777));
  const Fd fd = open_rw("file");
  EXPECT_EQ(::pwrite(fd, "x", 1, 0), 1);
  EXPECT_EQ(permissions_of("file"), 0777U);
}

TEST_F(ModeByUser, TruncatingClearsSetuidAndSetgid) {
  make_file("file", "bytes");
  EXPECT_WORKS(::chmod("file", 06777));
  EXPECT_WORKS(::truncate("file", 2));
  EXPECT_EQ(permissions_of("file"), 0777U);
}

/// A directory in which everyone may write.
class ModeByRoot : public PosixTest {
 protected:
  void SetUp() override {
    PosixTest::SetUp();
    EXPECT_WORKS(::chmod(".", 0777));
  }
  static void make_of(const User& user, const std::string& path, mode_t mode) {
    make_file(path, "bytes");
    EXPECT_WORKS(::chown(path.c_str(), user.uid, user.gid));
    EXPECT_WORKS(::chmod(path.c_str(), mode));
  }
};

TEST_F(ModeByRoot, NewFilesBelongToTheirMaker) {
  EXPECT_WORKS(as_user(kAlice, [] { return ::mkdir("dir", 0755); }));
  EXPECT_WORKS(as_user(kAlice, [] { return ::open("file", O_CREAT | O_RDWR, 0644); }));
  EXPECT_WORKS(as_user(kAlice, [] { return ::symlink("target", "link"); }));
  for (const char* name : {"dir", "file", "link"}) {
    EXPECT_EQ(stat_of(name).st_uid, kAlice.uid) << name;
    EXPECT_EQ(stat_of(name).st_gid, kAlice.gid) << name;
  }
}

TEST_F(ModeByRoot, SetgidDirectoryGivesItsGroup) {
  make_dir("dir");
  EXPECT_WORKS(::chown("dir", 0, kStaff));
  EXPECT_WORKS(::chmod("dir", 02777));
  EXPECT_WORKS(as_user(kAlice, [] { return ::mkdir("dir/below", 0755); }));
  EXPECT_WORKS(as_user(kAlice, [] { return ::open("dir/file", O_CREAT | O_RDWR, 0644); }));
  EXPECT_EQ(stat_of("dir/below").st_gid, kStaff);
  EXPECT_EQ(permissions_of("dir/below"), 02755U);
  EXPECT_EQ(stat_of("dir/file").st_gid, kStaff);
}

TEST_F(ModeByRoot, SetgidIsDroppedFromAFileMadeInAForeignGroup) {
  make_dir("dir");
  EXPECT_WORKS(::chown("dir", 0, kStaff));
  EXPECT_WORKS(::chmod("dir", 02777));
  EXPECT_WORKS(as_user(kAlice, [] { return ::open("dir/file", O_CREAT | O_RDWR, 02775); }));
  EXPECT_EQ(permissions_of("dir/file") & 02000U, 0U);
}

TEST_F(ModeByRoot, ChmodIsForTheOwner) {
  make_of(kAlice, "file", 0666);
  EXPECT_FAILS(EPERM, as_user(kBob, [] { return ::chmod("file", 0777); }));
  EXPECT_WORKS(as_user(kAlice, [] { return ::chmod("file", 0600); }));
  EXPECT_EQ(permissions_of("file"), 0600U);
}

TEST_F(ModeByRoot, ChmodDropsSetgidForAGroupThatIsNotOnesOwn) {
  make_file("file");
  EXPECT_WORKS(::chown("file", kAlice.uid, kStaff));
  EXPECT_WORKS(as_user(kAlice, [] { return ::chmod("file", 02755); }));
  EXPECT_EQ(permissions_of("file"), 0755U);
  EXPECT_WORKS(as_user(kAliceInStaff, [] { return ::chmod("file", 02755); }));
  EXPECT_EQ(permissions_of("file"), 02755U);
}

TEST_F(ModeByRoot, ChownOfTheUserIsForRoot) {
  make_of(kAlice, "file", 0644);
  EXPECT_FAILS(EPERM, as_user(kAlice, [] { return ::chown("file", kBob.uid, kKeepGid); }));
  EXPECT_FAILS(EPERM, as_user(kBob, [] { return ::chown("file", kBob.uid, kKeepGid); }));
  EXPECT_WORKS(::chown("file", kBob.uid, kKeepGid));
  EXPECT_EQ(stat_of("file").st_uid, kBob.uid);
  EXPECT_EQ(stat_of("file").st_gid, kAlice.gid);
}

TEST_F(ModeByRoot, ChownOfTheGroupIsForOwnersWhoAreInIt) {
  make_of(kAlice, "file", 0644);
  EXPECT_FAILS(EPERM, as_user(kAlice, [] { return ::chown("file", kKeepUid, kStaff); }));
  EXPECT_FAILS(EPERM, as_user(kBobInStaff, [] { return ::chown("file", kKeepUid, kStaff); }));
  EXPECT_WORKS(as_user(kAliceInStaff, [] { return ::chown("file", kKeepUid, kStaff); }));
  EXPECT_EQ(stat_of("file").st_gid, kStaff);
}

TEST_F(ModeByRoot, ChownClearsSetuidAndSetgidOfFiles) {
  make_of(kAlice, "file", 06755);
  EXPECT_WORKS(as_user(kAliceInStaff, [] { return ::chown("file", kKeepUid, kStaff); }));
  EXPECT_EQ(permissions_of("file"), 0755U);
}

TEST_F(ModeByRoot, ChownByRootClearsThemToo) {
  make_of(kAlice, "file", 06755);
  EXPECT_WORKS(::chown("file", kBob.uid, kBob.gid));
  EXPECT_EQ(permissions_of("file"), 0755U);
}

TEST_F(ModeByRoot, ChownKeepsSetgidWithoutGroupExecute) {
  make_of(kAlice, "file", 02644);
  EXPECT_WORKS(::chown("file", kBob.uid, kBob.gid));
  EXPECT_EQ(permissions_of("file"), 02644U);
}

TEST_F(ModeByRoot, ChownKeepsTheBitsOfDirectories) {
  make_dir("dir");
  EXPECT_WORKS(::chmod("dir", 06755));
  EXPECT_WORKS(::chown("dir", kAlice.uid, kAlice.gid));
  EXPECT_EQ(permissions_of("dir"), 06755U);
}

TEST_F(ModeByRoot, WritingByAnotherClearsSetuidAndSetgid) {
  make_of(kAlice, "file", 06777);
  EXPECT_WORKS(as_user(kBob, [] {
    const Fd fd = ::open("file", O_WRONLY);
    return ::write(fd, "x", 1);
  }));
  EXPECT_EQ(permissions_of("file"), 0777U);
}

TEST_F(ModeByRoot, WritingByRootKeepsThem) {
  make_of(kAlice, "file", 06777);
  const Fd fd = open_rw("file");
  EXPECT_EQ(::pwrite(fd, "x", 1, 0), 1);
  EXPECT_EQ(permissions_of("file"), 06777U);
}

TEST_F(ModeByRoot, TruncatingByAnotherClearsThem) {
  make_of(kAlice, "file", 06777);
  EXPECT_WORKS(as_user(kBob, [] { return ::truncate("file", 1); }));
  EXPECT_EQ(permissions_of("file"), 0777U);
  EXPECT_WORKS(::chmod("file", 06777));
  EXPECT_WORKS(as_user(kBob, [] { return ::open("file", O_WRONLY | O_TRUNC); }));
  EXPECT_EQ(permissions_of("file"), 0777U);
}

TEST_F(ModeByRoot, ReadingByAnotherKeepsThem) {
  make_of(kAlice, "file", 06777);
  EXPECT_WORKS(as_user(kBob, [] {
    const Fd fd = ::open("file", O_RDWR);
    char byte = 0;
    return ::read(fd, &byte, 1);
  }));
  EXPECT_EQ(permissions_of("file"), 06777U);
}

TEST_F(ModeByRoot, FallocateByAnotherClearsSetuid) {
  if (lacks(Feature::kFallocate)) return;
  make_of(kAlice, "file", 04777);
  EXPECT_WORKS(as_user(kBob, [] {
    const Fd fd = ::open("file", O_WRONLY);
    return ::fallocate(fd, 0, 0, 100);
  }));
  EXPECT_EQ(permissions_of("file"), 0777U);
}

TEST_F(ModeByRoot, RootPassesFilesWithoutBits) {
  make_of(kAlice, "file", 0);
  EXPECT_WORKS(::open("file", O_RDWR));
  EXPECT_WORKS(::access("file", R_OK | W_OK));
  EXPECT_FAILS(EACCES, ::access("file", X_OK));
  make_dir("dir", 0);
  EXPECT_WORKS(::open("dir/new", O_CREAT | O_RDWR, 0644));
}

TEST_F(ModeByRoot, NoAtimeIsForTheOwner) {
  make_of(kAlice, "file", 0666);
  EXPECT_FAILS(EPERM, as_user(kBob, [] { return ::open("file", O_RDONLY | O_NOATIME); }));
  EXPECT_WORKS(as_user(kAlice, [] { return ::open("file", O_RDONLY | O_NOATIME); }));
}

// Which class of bits counts: the owner's, else the group's, else the others'; never a sum.
struct Right {
  const char* name;
  mode_t mode;
  User user;
  int flags;
  bool granted;
};

const Right kRights[] = {
    {"OwnerReads", 0400, kAlice, O_RDONLY, true},
    {"OwnerWrites", 0200, kAlice, O_WRONLY, true},
    {"OwnerNeedsBothForBoth", 0400, kAlice, O_RDWR, false},
    {"OwnerIsNotHelpedByOthers", 0077, kAlice, O_RDONLY, false},
    {"OwnerIsNotHelpedByTheGroup", 0070, kAliceInStaff, O_RDONLY, false},
    {"GroupReads", 0040, kBobInStaff, O_RDONLY, true},
    {"GroupWrites", 0020, kBobInStaff, O_WRONLY, true},
    {"GroupIsNotHelpedByOthers", 0707, kBobInStaff, O_RDONLY, false},
    {"GroupAsTheMainGroup", 0040, User{61003, kStaff}, O_RDONLY, true},
    {"GroupIsNotHelpedByTheOwner", 0600, kBobInStaff, O_RDONLY, false},
    {"OthersRead", 0004, kBob, O_RDONLY, true},
    {"OthersWrite", 0002, kBob, O_WRONLY, true},
    {"OthersNeedBothForBoth", 0004, kBob, O_RDWR, false},
    {"OthersAreNotHelpedByTheOwner", 0770, kBob, O_RDONLY, false},
    {"ExecuteIsNotReading", 0111, kBob, O_RDONLY, false},
    {"TruncateNeedsWriting", 0444, kBob, O_RDONLY | O_TRUNC, false},
    {"AppendNeedsWriting", 0444, kBob, O_WRONLY | O_APPEND, false},
};

class RightsByRoot : public PosixTest, public ::testing::WithParamInterface<Right> {};

void PrintTo(const Right& right, std::ostream* out) { *out << right.name; }

TEST_P(RightsByRoot, AreAskedOfOneClassOnly) {
  const Right& right = GetParam();
  make_file("file");
  EXPECT_WORKS(::chown("file", kAlice.uid, kStaff));
  EXPECT_WORKS(::chmod("file", right.mode));
  EXPECT_FAILS(right.granted ? 0 : EACCES,
               as_user(right.user, [&] { return ::open("file", right.flags); }));
  const int wanted = (right.flags & O_ACCMODE) == O_RDONLY ? R_OK : W_OK;
  if ((right.flags & (O_ACCMODE | O_TRUNC)) <= O_WRONLY) {
    EXPECT_FAILS(right.granted ? 0 : EACCES,
                 as_user(right.user, [&] { return ::access("file", wanted); }));
  }
}

INSTANTIATE_TEST_SUITE_P(Each, RightsByRoot, ::testing::ValuesIn(kRights),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace cairn::posix
