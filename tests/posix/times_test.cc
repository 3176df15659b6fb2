// Which operation changes which time of the file and its parent; utimensat; stat and statx.
//
// A case sets old times, waits until the filesystem's clock has passed the ctime, does one thing,
// and compares: so that "changed" and "not changed" are both seen, without sleeping.
#include <linux/stat.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

// What must change of "target": a, m, c for its times; "-" for none; "?" in place of a letter
// where filesystems differ.
struct TimeCase {
  const char* name;
  const char* target;
  const char* changes;
  void (*act)();
};

void read_some() {
  const Fd fd = ::open("dir/file", O_RDONLY);
  read_at(fd, 0, 10);
}
void write_some() {
  const Fd fd = open_rw("dir/file");
  EXPECT_EQ(::pwrite(fd, "x", 1, 0), 1);
}
void list_dir() { names_in("dir"); }
void create_file() { make_file("dir/new"); }
void open_existing() { EXPECT_WORKS(Fd(::open("dir/file", O_CREAT | O_RDWR, 0644))); }
void open_truncating() { EXPECT_WORKS(Fd(::open("dir/file", O_RDWR | O_TRUNC))); }
void make_below() { make_dir("dir/new"); }
void remove_below() { EXPECT_WORKS(::rmdir("dir/sub")); }
void unlink_file() { EXPECT_WORKS(::unlink("dir/file")); }
void link_file() { EXPECT_WORKS(::link("dir/file", "dir/new")); }
void link_elsewhere() { EXPECT_WORKS(::link("dir/file", "new")); }
void symlink_new() { EXPECT_WORKS(::symlink("t", "dir/new")); }
void mkfifo_new() { EXPECT_WORKS(::mkfifo("dir/new", 0644)); }
void rename_here() { EXPECT_WORKS(::rename("dir/file", "dir/new")); }
void rename_away() { EXPECT_WORKS(::rename("dir/file", "other/new")); }
void rename_over() { EXPECT_WORKS(::rename("dir/file", "dir/linked")); }
void chmod_file() { EXPECT_WORKS(::chmod("dir/file", 0600)); }
void chown_file() { EXPECT_WORKS(::chown("dir/file", ::geteuid(), ::getegid())); }
void truncate_shorter() { EXPECT_WORKS(::truncate("dir/file", 1)); }
void truncate_longer() { EXPECT_WORKS(::truncate("dir/file", 1000)); }
void ftruncate_same() { EXPECT_WORKS(::ftruncate(open_rw("dir/file"), 5)); }
void read_nothing() {
  char byte = 0;
  EXPECT_EQ(::read(open_rw("dir/file"), &byte, 0), 0);
}
void write_nothing() { EXPECT_EQ(::write(open_rw("dir/file"), "", 0), 0); }
void stat_file() { stat_of("dir/file"); }
void read_link() {
  char target[16];
  EXPECT_WORKS(::readlink("dir/link", target, sizeof target));
}
void fail_to_create() { EXPECT_FAILS(EEXIST, ::mkdir("dir/file", 0755)); }
void fail_to_remove() { EXPECT_FAILS(ENOENT, ::unlink("dir/missing")); }
void sync_file() { EXPECT_WORKS(::fsync(open_rw("dir/file"))); }
void set_attribute() {
  if (lacks(Feature::kUserXattr)) return chmod_file();
  EXPECT_WORKS(::setxattr("dir/file", "user.name", "1", 1, 0));
}
void punch() {
  if (lacks(Feature::kFallocate)) return write_some();
  const Fd fd = open_rw("dir/file");
  EXPECT_WORKS(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5));
}
void copy_into() {
  const Fd from = open_rw("source");
  const Fd to = open_rw("dir/file");
  EXPECT_GT(::copy_file_range(from, nullptr, to, nullptr, 5, 0), 0);
}
void write_mapped() {
  if (lacks(Feature::kMappedWrites)) return write_some();
  const Fd fd = open_rw("dir/file");
  void* at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  static_cast<char*>(at)[0] = '#';
  EXPECT_WORKS(::msync(at, 4096, MS_SYNC));
  ::munmap(at, 4096);
}

const TimeCase kTimeCases[] = {
    {"ReadChangesAtime", "dir/file", "a", read_some},
    {"ReadOfNothingChangesNoMtime", "dir/file", "?", read_nothing},
    {"ReadLeavesTheParent", "dir", "-", read_some},
    {"WriteChangesMtimeAndCtime", "dir/file", "mc", write_some},
    {"WriteLeavesTheParent", "dir", "-", write_some},
    {"WriteOfNothingChangesNothing", "dir/file", "-", write_nothing},
    {"MappedWriteChangesMtimeAndCtime", "dir/file", "?mc", write_mapped},
    {"ListingChangesAtimeOfTheDirectory", "dir", "a", list_dir},
    {"CreateChangesTheParent", "dir", "mc", create_file},
    {"CreateLeavesTheGrandparent", ".", "-", create_file},
    {"OpenOfAnExistingFileLeavesTheParent", "dir", "-", open_existing},
    {"OpenOfAnExistingFileLeavesIt", "dir/file", "-", open_existing},
    {"OpenWithTruncateChangesTheFile", "dir/file", "mc", open_truncating},
    {"MkdirChangesTheParent", "dir", "mc", make_below},
    {"RmdirChangesTheParent", "dir", "mc", remove_below},
    {"UnlinkChangesTheParent", "dir", "mc", unlink_file},
    {"UnlinkChangesCtimeOfTheOtherLink", "linked", "c", unlink_file},
    {"LinkChangesTheParent", "dir", "mc", link_file},
    {"LinkChangesCtimeOfTheFile", "dir/file", "c", link_file},
    {"LinkElsewhereLeavesTheOldParent", "dir", "-", link_elsewhere},
    {"SymlinkChangesTheParent", "dir", "mc", symlink_new},
    {"MkfifoChangesTheParent", "dir", "mc", mkfifo_new},
    {"RenameChangesTheParent", "dir", "mc", rename_here},
    {"RenameAwayChangesTheOldParent", "dir", "mc", rename_away},
    {"RenameAwayChangesTheNewParent", "other", "mc", rename_away},
    {"RenameMayChangeCtimeOfTheFile", "linked", "C", rename_here},
    {"RenameOverChangesTheParent", "dir", "mc", rename_over},
    {"ChmodChangesCtime", "dir/file", "c", chmod_file},
    {"ChmodLeavesTheParent", "dir", "-", chmod_file},
    {"ChownChangesCtime", "dir/file", "c", chown_file},
    {"TruncateShorterChangesMtimeAndCtime", "dir/file", "mc", truncate_shorter},
    {"TruncateLongerChangesMtimeAndCtime", "dir/file", "mc", truncate_longer},
    {"FtruncateToTheSameSizeChangesMtimeAndCtime", "dir/file", "mc", ftruncate_same},
    {"TruncateLeavesTheParent", "dir", "-", truncate_shorter},
    {"SetxattrChangesCtime", "dir/file", "c", set_attribute},
    {"PunchChangesMtimeAndCtime", "dir/file", "mc", punch},
    {"CopyRangeChangesTheTarget", "dir/file", "mc", copy_into},
    {"CopyRangeLeavesMtimeOfTheSource", "source", "?", copy_into},
    {"StatChangesNothing", "dir/file", "-", stat_file},
    {"ReadlinkLeavesTheParent", "dir", "-", read_link},
    {"FsyncChangesNothing", "dir/file", "-", sync_file},
    {"FailedCreateLeavesTheParent", "dir", "-", fail_to_create},
    {"FailedUnlinkLeavesTheParent", "dir", "-", fail_to_remove},
};

void PrintTo(const TimeCase& row, std::ostream* out) { *out << row.name; }

class Times : public PosixTest, public ::testing::WithParamInterface<TimeCase> {};

TEST_P(Times, AreAsPosixSays) {
  const TimeCase& row = GetParam();
  make_dir("dir");
  make_dir("other");
  make_dir("dir/sub");
  make_file("source", "bytes");
  make_file("dir/file", "bytes");
  EXPECT_WORKS(::link("dir/file", "linked"));
  make_symlink("target", "dir/link");
  make_file("dir/linked");
  set_old_times(row.target);
  pass_time_after(row.target);
  const auto before = stat_of(row.target);
  // The name may move away under us: keep hold of the inode.
  const Fd held = ::open(row.target, O_RDONLY | O_NOATIME);
  row.act();
  const auto after = stat_of_fd(held);
  const std::string changes = row.changes;
  const auto has = [&](char letter) { return changes.find(letter) != std::string::npos; };
  const bool lazy_atime = has('?') || (has('a') && lacks(Feature::kAtimeOnRead));
  if (!lazy_atime) {
    EXPECT_EQ(earlier(before.st_atim, after.st_atim), has('a')) << "atime";
  }
  EXPECT_EQ(earlier(before.st_mtim, after.st_mtim), has('m')) << "mtime";
  if (!has('C')) {  // POSIX leaves the ctime of what is renamed open
    EXPECT_EQ(earlier(before.st_ctim, after.st_ctim), has('c')) << "ctime";
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Times, ::testing::ValuesIn(kTimeCases),
                         [](const auto& row) { return std::string(row.param.name); });

long set_times(const char* path, timespec atime, timespec mtime, int flags = 0) {
  const timespec times[2] = {atime, mtime};
  return ::utimensat(AT_FDCWD, path, times, flags);
}

constexpr timespec kNow{0, UTIME_NOW};
constexpr timespec kOmit{0, UTIME_OMIT};

const ErrorCase kUtimensErrors[] = {
    {"Missing", ENOENT, [] { return set_times("missing", kNow, kNow); }},
    {"BothOmittedOnNothing", one_of(0, ENOENT),  // the kernel does not look at all
     [] { return set_times("missing", kOmit, kOmit); }},
    {"TooManyNanoseconds", EINVAL,
     [] {
       make_file("file");
       return set_times("file", {0, 1'000'000'000}, kNow);
     }},
    {"NegativeNanoseconds", EINVAL,
     [] {
       make_file("file");
       return set_times("file", kNow, {0, -1});
     }},
    {"BadDescriptor", EBADF, [] { return long{::futimens(-1, nullptr)}; }},
    {"BelowAFile", ENOTDIR,
     [] {
       make_file("file");
       return set_times("file/below", kNow, kNow);
     }},
    {"DanglingSymlink", ENOENT,
     [] {
       make_symlink("missing", "link");
       return set_times("link", kNow, kNow);
     }},
    {"DanglingSymlinkItself", 0,
     [] {
       make_symlink("missing", "link");
       return set_times("link", {1, 2}, {3, 4}, AT_SYMLINK_NOFOLLOW);
     }},
    {"UnknownFlag", EINVAL,
     [] {
       make_file("file");
       return set_times("file", kNow, kNow, 0x40000000);
     }},
};
CAIRN_ERRORS(UtimensErrors, kUtimensErrors);

struct Moment {
  const char* name;
  timespec time;
};

const Moment kMoments[] = {
    {"Epoch", {0, 0}},
    {"OneNanosecond", {0, 1}},
    {"Today", {1763732400, 123456789}},
    {"LastNanosecond", {1763732400, 999999999}},
    {"OneSecondBefore1970", {-1, 0}},
    {"HalfASecondBefore1970", {-1, 500000000}},
    {"Year1910", {-1893456000, 7}},
    {"After2038", {2147483648, 5}},
    {"Year2100", {4102444800, 1}},
};

void PrintTo(const Moment& moment, std::ostream* out) { *out << moment.name; }

class Utimens : public PosixTest, public ::testing::WithParamInterface<Moment> {};

TEST_P(Utimens, IsKeptToTheNanosecond) {
  make_file("file");
  const timespec other{1000, 1000};
  EXPECT_WORKS(set_times("file", GetParam().time, other));
  EXPECT_TRUE(same_time(stat_of("file").st_atim, GetParam().time));
  EXPECT_TRUE(same_time(stat_of("file").st_mtim, other));
  EXPECT_WORKS(set_times("file", other, GetParam().time));
  EXPECT_TRUE(same_time(stat_of("file").st_mtim, GetParam().time));
}

INSTANTIATE_TEST_SUITE_P(Each, Utimens, ::testing::ValuesIn(kMoments),
                         [](const auto& row) { return std::string(row.param.name); });

class TimesMore : public PosixTest {};

TEST_F(TimesMore, OmitKeepsATimeAndNowSetsIt) {
  make_file("file");
  set_old_times("file");
  const auto before = stat_of("file");
  EXPECT_WORKS(set_times("file", kOmit, kNow));
  EXPECT_TRUE(same_time(stat_of("file").st_atim, before.st_atim));
  EXPECT_TRUE(earlier(before.st_mtim, stat_of("file").st_mtim));
  set_old_times("file");
  EXPECT_WORKS(set_times("file", kNow, kOmit));
  EXPECT_TRUE(earlier(before.st_atim, stat_of("file").st_atim));
  EXPECT_TRUE(same_time(stat_of("file").st_mtim, before.st_mtim));
}

TEST_F(TimesMore, SettingTimesChangesCtime) {
  make_file("file");
  const auto before = stat_of("file");
  pass_time_after("file");
  EXPECT_WORKS(set_times("file", {5, 5}, {5, 5}));
  EXPECT_TRUE(earlier(before.st_ctim, stat_of("file").st_ctim));
}

TEST_F(TimesMore, BothOmittedChangesNothing) {
  make_file("file");
  const auto before = stat_of("file");
  pass_time_after("file");
  EXPECT_WORKS(set_times("file", kOmit, kOmit));
  EXPECT_TRUE(same_time(before.st_ctim, stat_of("file").st_ctim));
}

TEST_F(TimesMore, ANewFileHasOneTime) {
  make_dir("dir");
  EXPECT_WORKS(::mkfifo("dir/fifo", 0644));
  const auto file = stat_of("dir/fifo");
  EXPECT_TRUE(same_time(file.st_atim, file.st_mtim));
  EXPECT_TRUE(same_time(file.st_mtim, file.st_ctim));
}

TEST_F(TimesMore, ASymlinkHasItsOwnTimes) {
  make_file("file");
  make_symlink("file", "link");
  EXPECT_WORKS(set_times("link", {11, 0}, {12, 0}, AT_SYMLINK_NOFOLLOW));
  EXPECT_EQ(stat_of("link").st_mtim.tv_sec, 12);
  EXPECT_NE(stat_of("file").st_mtim.tv_sec, 12);
}

TEST_F(TimesMore, NoAtimeReadsLeaveAtime) {
  make_file("file", "bytes");
  set_old_times("file");
  const Fd fd = ::open("file", O_RDONLY | O_NOATIME);
  EXPECT_EQ(read_at(fd, 0, 5), "bytes");
  EXPECT_EQ(stat_of("file").st_atim.tv_sec, 978307200);
}

TEST_F(TimesMore, StatxShowsABirthThatStays) {
  if (lacks(Feature::kBirthTime)) return;
  make_file("file");
  struct statx first{};
  ASSERT_WORKS(::statx(AT_FDCWD, "file", 0, STATX_BTIME | STATX_BASIC_STATS, &first));
  if ((first.stx_mask & STATX_BTIME) == 0) return;  // the mask says whether it is known
  set_old_times("file");
  EXPECT_WORKS(::chmod("file", 0600));
  EXPECT_WORKS(::rename("file", "renamed"));
  struct statx second{};
  ASSERT_WORKS(::statx(AT_FDCWD, "renamed", 0, STATX_BTIME, &second));
  EXPECT_EQ(second.stx_btime.tv_sec, first.stx_btime.tv_sec);
  EXPECT_EQ(second.stx_btime.tv_nsec, first.stx_btime.tv_nsec);
}

TEST_F(TimesMore, StatxAndStatAgree) {
  make_file("file", pattern(10'000));
  EXPECT_WORKS(::link("file", "other"));
  const auto stat = stat_of("file");
  struct statx more{};
  ASSERT_WORKS(::statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &more));
  EXPECT_EQ(more.stx_ino, stat.st_ino);
  EXPECT_EQ(more.stx_nlink, 2U);
  EXPECT_EQ(more.stx_size, 10'000U);
  EXPECT_EQ(more.stx_mode, stat.st_mode);
  EXPECT_EQ(more.stx_uid, stat.st_uid);
  EXPECT_EQ(more.stx_mtime.tv_nsec, stat.st_mtim.tv_nsec);
  EXPECT_EQ(more.stx_blksize, stat.st_blksize);
}

TEST_F(TimesMore, StatErrors) {
  struct stat answer{};
  struct statx more{};
  make_file("file");
  EXPECT_FAILS(ENOENT, ::stat("missing", &answer));
  EXPECT_FAILS(ENOENT, ::stat("", &answer));
  EXPECT_FAILS(ENOTDIR, ::stat("file/below", &answer));
  EXPECT_FAILS(ENOTDIR, ::stat("file/", &answer));
  EXPECT_FAILS(EBADF, ::fstat(-1, &answer));
  EXPECT_FAILS(EINVAL, ::statx(AT_FDCWD, "file", 0x40000000, STATX_SIZE, &more));
  EXPECT_FAILS(EFAULT, ::syscall(SYS_newfstatat, AT_FDCWD, "file", 1, 0));
}

TEST_F(TimesMore, InodeNumbersAreDistinctAndTheDeviceIsOne) {
  make_file("one");
  make_dir("two");
  make_symlink("t", "three");
  EXPECT_NE(stat_of("one").st_ino, stat_of("two").st_ino);
  EXPECT_NE(stat_of("two").st_ino, stat_of("three").st_ino);
  EXPECT_EQ(stat_of("one").st_dev, stat_of(".").st_dev);
  EXPECT_EQ(stat_of("two").st_dev, stat_of(".").st_dev);
}

class TimesByRoot : public PosixTest {};

TEST_F(TimesByRoot, ExplicitTimesAreForTheOwner) {
  make_file("file", "", 0666);
  EXPECT_WORKS(::chown("file", kAlice.uid, kAlice.gid));
  EXPECT_FAILS(EPERM, as_user(kBob, [] { return set_times("file", {1, 1}, {1, 1}); }));
  EXPECT_FAILS(EPERM, as_user(kBob, [] { return set_times("file", kOmit, kNow); }));
  EXPECT_FAILS(EPERM, as_user(kBob, [] { return set_times("file", kNow, kOmit); }));
  EXPECT_WORKS(as_user(kAlice, [] { return set_times("file", {1, 1}, {1, 1}); }));
}

TEST_F(TimesByRoot, NowIsForWhoMayWrite) {
  make_file("file", "", 0646);
  EXPECT_WORKS(::chown("file", kAlice.uid, kAlice.gid));
  EXPECT_WORKS(as_user(kBob, [] { return ::utimensat(AT_FDCWD, "file", nullptr, 0); }));
  EXPECT_WORKS(as_user(kBob, [] { return set_times("file", kNow, kNow); }));
  EXPECT_WORKS(::chmod("file", 0644));
  EXPECT_FAILS(EACCES, as_user(kBob, [] { return ::utimensat(AT_FDCWD, "file", nullptr, 0); }));
  EXPECT_FAILS(EACCES, as_user(kBob, [] { return set_times("file", kNow, kNow); }));
}

TEST_F(TimesByRoot, TheOwnerNeedsNoRightToWrite) {
  make_file("file", "", 0444);
  EXPECT_WORKS(::chown("file", kAlice.uid, kAlice.gid));
  EXPECT_WORKS(as_user(kAlice, [] { return ::utimensat(AT_FDCWD, "file", nullptr, 0); }));
  EXPECT_WORKS(as_user(kAlice, [] { return set_times("file", {1, 1}, kOmit); }));
}

}  // namespace
}  // namespace cairn::posix
