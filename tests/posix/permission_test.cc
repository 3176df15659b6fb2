// What a directory's bits allow to others, sticky directories, and search on the way.
#include <linux/fs.h>

#include <cstdio>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

// Bob works in a directory of Alice's, with each of its bits for others. In it: file, dir, link.
struct DirectoryRight {
  const char* name;
  mode_t others;
  Allowed allowed;
  long (*call)();
};

long list() {
  const Fd fd = ::open("d", O_RDONLY | O_DIRECTORY);
  return fd;
}
long look() {
  struct stat answer{};
  return ::stat("d/file", &answer);
}
long create() { return ::open("d/new", O_CREAT | O_RDWR, 0644); }
long make_directory() { return ::mkdir("d/new", 0755); }
long make_link() { return ::symlink("t", "d/new"); }
long make_pipe() { return ::mkfifo("d/new", 0644); }
long remove_file() { return ::unlink("d/file"); }
long remove_dir() { return ::rmdir("d/dir"); }
long rename_inside() { return ::rename("d/file", "d/renamed"); }
long rename_out() { return ::rename("d/file", "mine/in"); }
long rename_in() { return ::rename("mine/own", "d/in"); }
long hard_link() { return ::link("mine/own", "d/in"); }
long open_existing() { return ::open("d/file", O_CREAT | O_RDONLY, 0644); }
long open_exclusive() { return ::open("d/file", O_CREAT | O_EXCL | O_RDONLY, 0644); }
long enter() { return ::chdir("d"); }
long read_link() {
  char target[8];
  return ::readlink("d/link", target, sizeof target);
}

const DirectoryRight kDirectoryRights[] = {
    {"ListWithRead", 04, 0, list},
    {"ListWithoutRead", 03, EACCES, list},
    {"StatWithSearch", 01, 0, look},
    {"StatWithoutSearch", 06, EACCES, look},
    {"EnterWithSearch", 01, 0, enter},
    {"EnterWithoutSearch", 06, EACCES, enter},
    {"ReadlinkWithSearch", 01, 0, read_link},
    {"ReadlinkWithoutSearch", 06, EACCES, read_link},
    {"OpenExistingWithSearch", 01, 0, open_existing},
    {"OpenExclusiveWithSearch", 01, EEXIST, open_exclusive},
    {"CreateWithWriteAndSearch", 03, 0, create},
    {"CreateWithoutWrite", 05, EACCES, create},
    {"CreateWithoutSearch", 06, EACCES, create},
    {"MkdirWithWriteAndSearch", 03, 0, make_directory},
    {"MkdirWithoutWrite", 05, EACCES, make_directory},
    {"MkdirWithoutSearch", 06, EACCES, make_directory},
    {"SymlinkWithWriteAndSearch", 03, 0, make_link},
    {"SymlinkWithoutWrite", 05, EACCES, make_link},
    {"MkfifoWithWriteAndSearch", 03, 0, make_pipe},
    {"MkfifoWithoutWrite", 05, EACCES, make_pipe},
    {"UnlinkWithWriteAndSearch", 03, 0, remove_file},
    {"UnlinkWithoutWrite", 05, EACCES, remove_file},
    {"UnlinkWithoutSearch", 06, EACCES, remove_file},
    {"RmdirWithWriteAndSearch", 03, 0, remove_dir},
    {"RmdirWithoutWrite", 05, EACCES, remove_dir},
    {"RmdirWithoutSearch", 06, EACCES, remove_dir},
    {"RenameInsideWithWriteAndSearch", 03, 0, rename_inside},
    {"RenameInsideWithoutWrite", 05, EACCES, rename_inside},
    {"RenameInsideWithoutSearch", 06, EACCES, rename_inside},
    {"RenameOutWithWriteAndSearch", 03, 0, rename_out},
    {"RenameOutWithoutWrite", 05, EACCES, rename_out},
    {"RenameInWithWriteAndSearch", 03, 0, rename_in},
    {"RenameInWithoutWrite", 05, EACCES, rename_in},
    {"LinkWithWriteAndSearch", 03, 0, hard_link},
    {"LinkWithoutWrite", 05, EACCES, hard_link},
};

void PrintTo(const DirectoryRight& right, std::ostream* out) { *out << right.name; }

class DirectoryRightsByRoot : public PosixTest,
                              public ::testing::WithParamInterface<DirectoryRight> {};

TEST_P(DirectoryRightsByRoot, DecideForOthers) {
  const DirectoryRight& right = GetParam();
  make_dir("d");
  make_file("d/file");
  make_dir("d/dir");
  make_symlink("target", "d/link");
  EXPECT_WORKS(::chown("d", kAlice.uid, kAlice.gid));
  EXPECT_WORKS(::chown("d/file", kAlice.uid, kAlice.gid));
  EXPECT_WORKS(::chmod("d", 0700 | right.others));
  make_dir("mine", 0777);
  make_file("mine/own");
  EXPECT_WORKS(::chown("mine/own", kBob.uid, kBob.gid));
  EXPECT_FAILS(right.allowed, as_user(kBob, right.call));
}

INSTANTIATE_TEST_SUITE_P(Each, DirectoryRightsByRoot, ::testing::ValuesIn(kDirectoryRights),
                         [](const auto& row) { return std::string(row.param.name); });

// A sticky directory of Carol's in which all may write, with a file and a directory of Alice's.
struct StickyRight {
  const char* name;
  User user;
  Allowed allowed;
  long (*call)();
};

const User kCarol{61004, 62004};

const StickyRight kStickyRights[] = {
    {"OwnerOfTheFileUnlinks", kAlice, 0, [] { return long{::unlink("s/file")}; }},
    {"OwnerOfTheDirectoryUnlinks", kCarol, 0, [] { return long{::unlink("s/file")}; }},
    {"AnotherDoesNotUnlink", kBob, one_of(EPERM, EACCES), [] { return long{::unlink("s/file")}; }},
    {"OwnerRemovesADirectory", kAlice, 0, [] { return long{::rmdir("s/dir")}; }},
    {"AnotherRemovesNoDirectory", kBob, one_of(EPERM, EACCES),
     [] { return long{::rmdir("s/dir")}; }},
    {"OwnerRenames", kAlice, 0, [] { return long{::rename("s/file", "s/new")}; }},
    {"OwnerOfTheDirectoryRenames", kCarol, 0, [] { return long{::rename("s/file", "s/new")}; }},
    {"AnotherDoesNotRename", kBob, one_of(EPERM, EACCES),
     [] { return long{::rename("s/file", "s/new")}; }},
    {"AnotherDoesNotRenameOut", kBob, one_of(EPERM, EACCES),
     [] { return long{::rename("s/file", "open/new")}; }},
    {"AnotherDoesNotReplace", kBob, one_of(EPERM, EACCES),
     [] {
       ::close(::open("s/own", O_CREAT | O_RDWR, 0644));
       return long{::rename("s/own", "s/file")};
     }},
    {"OwnerOfTheDirectoryReplaces", kCarol, 0,
     [] {
       ::close(::open("s/own", O_CREAT | O_RDWR, 0644));
       return long{::rename("s/own", "s/file")};
     }},
    {"AnotherDoesNotExchange", kBob, one_of(EPERM, EACCES),
     [] {
       ::close(::open("s/own", O_CREAT | O_RDWR, 0644));
       if (lacks(Feature::kRenameFlags)) errno = EPERM;
       if (lacks(Feature::kRenameFlags)) return -1L;
       return long{::renameat2(AT_FDCWD, "s/own", AT_FDCWD, "s/file", RENAME_EXCHANGE)};
     }},
    {"AnyoneCreates", kBob, 0, [] { return long{::open("s/own", O_CREAT | O_RDWR, 0644)}; }},
    {"AnyoneWritesWhereTheFileAllows", kBob, 0, [] { return long{::open("s/file", O_WRONLY)}; }},
};

void PrintTo(const StickyRight& right, std::ostream* out) { *out << right.name; }

class StickyByRoot : public PosixTest, public ::testing::WithParamInterface<StickyRight> {};

TEST_P(StickyByRoot, ProtectsNames) {
  const StickyRight& right = GetParam();
  make_dir("s");
  make_dir("open", 0777);
  make_file("s/file", "", 0666);
  make_dir("s/dir", 0777);
  EXPECT_WORKS(::chown("s/file", kAlice.uid, kAlice.gid));
  EXPECT_WORKS(::chown("s/dir", kAlice.uid, kAlice.gid));
  EXPECT_WORKS(::chown("s", kCarol.uid, kCarol.gid));
  EXPECT_WORKS(::chmod("s", 01777));
  EXPECT_FAILS(right.allowed, as_user(right.user, right.call));
}

INSTANTIATE_TEST_SUITE_P(Each, StickyByRoot, ::testing::ValuesIn(kStickyRights),
                         [](const auto& row) { return std::string(row.param.name); });

// Search is asked of every directory on the way, whatever the call.
struct Way {
  const char* name;
  long (*call)();
};

const Way kWays[] = {
    {"Open", [] { return long{::open("a/b/file", O_RDONLY)}; }},
    {"Stat",
     [] {
       struct stat answer{};
       return long{::stat("a/b/file", &answer)};
     }},
    {"Truncate", [] { return long{::truncate("a/b/file", 0)}; }},
    {"Chmod", [] { return long{::chmod("a/b/file", 0600)}; }},
    {"Chown", [] { return long{::chown("a/b/file", kBob.uid, kBob.gid)}; }},
    {"Utimens", [] { return long{::utimensat(AT_FDCWD, "a/b/file", nullptr, 0)}; }},
    {"Unlink", [] { return long{::unlink("a/b/file")}; }},
    {"Mkdir", [] { return long{::mkdir("a/b/new", 0755)}; }},
    {"Rmdir", [] { return long{::rmdir("a/b/dir")}; }},
    {"RenameFrom", [] { return long{::rename("a/b/file", "a/new")}; }},
    {"RenameTo", [] { return long{::rename("own", "a/b/new")}; }},
    {"LinkFrom", [] { return long{::link("a/b/file", "new")}; }},
    {"LinkTo", [] { return long{::link("own", "a/b/new")}; }},
    {"Symlink", [] { return long{::symlink("t", "a/b/new")}; }},
    {"Mkfifo", [] { return long{::mkfifo("a/b/new", 0644)}; }},
    {"Access", [] { return long{::access("a/b/file", F_OK)}; }},
    {"ThroughASymlink", [] { return long{::open("link/file", O_RDONLY)}; }},
    {"DotDot", [] { return long{::open("a/b/../file", O_RDONLY)}; }},
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

class SearchByRoot : public PosixTest, public ::testing::WithParamInterface<Way> {};

TEST_P(SearchByRoot, IsNeededOnTheWay) {
  EXPECT_WORKS(::chmod(".", 0777));
  make_dir("a", 0777);
  make_dir("a/b", 0777);
  make_dir("a/b/dir", 0777);
  make_file("a/b/file", "", 0666);
  make_file("a/file", "", 0666);
  make_file("own", "", 0666);
  make_symlink("a/b", "link");
  for (const char* path : {"a/b/dir", "a/b/file", "own"}) {
    EXPECT_WORKS(::chown(path, kBob.uid, kBob.gid));
  }
  EXPECT_WORKS(::chmod("a/b", 0766));
  EXPECT_FAILS(EACCES, as_user(kBob, GetParam().call));
  EXPECT_WORKS(::chmod("a/b", 0777));
  EXPECT_WORKS(as_user(kBob, GetParam().call));
}

INSTANTIATE_TEST_SUITE_P(Each, SearchByRoot, ::testing::ValuesIn(kWays),
                         [](const auto& row) { return std::string(row.param.name); });

class PermissionByRoot : public PosixTest {};

TEST_F(PermissionByRoot, AnOpenDirectoryDoesNotReplaceSearch) {
  make_dir("d", 0766);
  make_file("d/file", "", 0666);
  EXPECT_FAILS(EACCES, as_user(kBob, [] {
                 const Fd dir = ::open("d", O_RDONLY);
                 return dir < 0 ? 0L : long{::openat(dir, "file", O_RDONLY)};
               }));
}

TEST_F(PermissionByRoot, RenameOfADirectoryElsewhereNeedsToWriteIntoIt) {
  make_dir("from", 0777);
  make_dir("to", 0777);
  make_dir("from/dir", 0555);
  // Its ".." changes, so that Linux asks for the right to write in the directory itself.
  EXPECT_FAILS(EACCES, as_user(kBob, [] { return ::rename("from/dir", "to/dir"); }));
  EXPECT_WORKS(as_user(kBob, [] { return ::rename("from/dir", "from/other"); }));
}

TEST_F(PermissionByRoot, ExecNeedsTheBit) {
  make_file("script", "#!/bin/sh\nexit 0\n", 0644);
  const auto run = [] { return long{::execl("./script", "script", nullptr)}; };
  EXPECT_FAILS(EACCES, as_user(kBob, run));
  EXPECT_FAILS(EACCES, in_child(run));
}

}  // namespace
}  // namespace cairn::posix
