// fcntl record locks, open file description locks, flock.
#include <sys/file.h>
#include <sys/time.h>

#include <csignal>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

struct flock range(short type, off_t start = 0, off_t length = 0) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

long take(int fd, short type, off_t start = 0, off_t length = 0, int command = F_SETLK) {
  struct flock lock = range(type, start, length);
  return ::fcntl(fd, command, &lock);
}

/// What another process gets that tries the same.
long other_takes(short type, off_t start = 0, off_t length = 0) {
  return in_child([=] { return take(open_rw("file"), type, start, length); });
}

const Allowed kBusy{EAGAIN, EACCES};

/// A process that waits for a lock, by the command `wait`, has it when it is freed and not before.
void expect_woken(int set, int wait) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK, 0, 0, set));
  SharedPage page;
  Signal started;
  Process waiter([&]() -> long {
    const Fd own = open_rw("file");
    started.open();
    if (take(own, F_WRLCK, 0, 0, wait) != 0) return -1;
    return page.words[0] == 1 ? 0 : -1;
  });
  started.wait();
  page.words[0] = 1;
  EXPECT_WORKS(take(fd, F_UNLCK, 0, 0, set));
  EXPECT_WORKS(waiter.join());
}

class Locks : public PosixTest {
 protected:
  void SetUp() override {
    PosixTest::SetUp();
    make_file("file", "0123456789");
  }
};

TEST_F(Locks, WriteLocksExcludeAll) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK));
  EXPECT_FAILS(kBusy, other_takes(F_RDLCK));
}

TEST_F(Locks, ReadLocksAreShared) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_RDLCK));
  EXPECT_WORKS(other_takes(F_RDLCK));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK));
}

TEST_F(Locks, RangesThatDoNotOverlapAreFree) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK, 10, 10));
  EXPECT_WORKS(other_takes(F_WRLCK, 0, 10));
  EXPECT_WORKS(other_takes(F_WRLCK, 20, 10));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK, 0, 11));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK, 19, 1));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK, 12, 3));
}

TEST_F(Locks, LengthZeroIsToTheEndForEver) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK, 100, 0));
  EXPECT_WORKS(other_takes(F_WRLCK, 0, 100));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK, 1'000'000'000, 1));
}

TEST_F(Locks, NegativeLengthLiesBeforeTheStart) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK, 10, -5));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK, 5, 1));
  EXPECT_WORKS(other_takes(F_WRLCK, 10, 1));
  EXPECT_WORKS(other_takes(F_WRLCK, 4, 1));
}

TEST_F(Locks, FromTheEndOfTheFile) {
  const Fd fd = open_rw("file");
  struct flock lock = range(F_WRLCK, -2, 2);
  lock.l_whence = SEEK_END;
  EXPECT_WORKS(::fcntl(fd, F_SETLK, &lock));
  EXPECT_WORKS(other_takes(F_WRLCK, 0, 8));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK, 9, 1));
}

TEST_F(Locks, UnlockingTheMiddleSplits) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK, 0, 30));
  EXPECT_WORKS(take(fd, F_UNLCK, 10, 10));
  EXPECT_WORKS(other_takes(F_WRLCK, 10, 10));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK, 9, 1));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK, 20, 1));
}

TEST_F(Locks, UpgradeAndDowngradeInPlace) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_RDLCK, 0, 30));
  EXPECT_WORKS(take(fd, F_WRLCK, 10, 10));
  EXPECT_WORKS(other_takes(F_RDLCK, 0, 10));
  EXPECT_FAILS(kBusy, other_takes(F_RDLCK, 10, 1));
  EXPECT_WORKS(take(fd, F_RDLCK, 10, 10));
  EXPECT_WORKS(other_takes(F_RDLCK, 0, 30));
}

TEST_F(Locks, UpgradeIsRefusedWhileAnotherReads) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_RDLCK));
  Signal locked;
  Signal done;
  Process other([&]() -> long {
    const Fd own = open_rw("file");
    const long result = take(own, F_RDLCK);
    locked.open();
    done.wait();
    return result;
  });
  locked.wait();
  EXPECT_FAILS(kBusy, take(fd, F_WRLCK));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK));
  EXPECT_WORKS(other_takes(F_RDLCK)) << "the failed upgrade keeps the read lock";
  done.open();
  EXPECT_WORKS(other.join());
}

TEST_F(Locks, OneProcessNeverBlocksItself) {
  const Fd one = open_rw("file");
  const Fd two = open_rw("file");
  EXPECT_WORKS(take(one, F_WRLCK));
  EXPECT_WORKS(take(two, F_WRLCK));
}

TEST_F(Locks, ClosingAnyDescriptorDropsThem) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK));
  {
    const Fd other = open_rw("file");
  }
  EXPECT_WORKS(other_takes(F_WRLCK));
}

TEST_F(Locks, ClosingADuplicateDropsThem) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK));
  {
    const Fd twin = ::dup(fd);
  }
  EXPECT_WORKS(other_takes(F_WRLCK));
}

TEST_F(Locks, AChildDoesNotInheritThem) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK));
  EXPECT_FAILS(kBusy, in_child([&] { return take(fd, F_WRLCK); }));
}

TEST_F(Locks, AChildThatClosesKeepsTheParents) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK));
  EXPECT_WORKS(in_child([&] { return ::close(fd); }));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK));
}

TEST_F(Locks, DeathReleases) {
  EXPECT_WORKS(in_child([] { return take(open_rw("file").release(), F_WRLCK); }));
  EXPECT_WORKS(other_takes(F_WRLCK));
}

TEST_F(Locks, GetlkNamesTheHolder) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK, 5, 7));
  const pid_t holder = ::getpid();
  EXPECT_WORKS(in_child([=]() -> long {
    struct flock lock = range(F_RDLCK);
    if (::fcntl(open_rw("file"), F_GETLK, &lock) != 0) return -1;
    return lock.l_type == F_WRLCK && lock.l_start == 5 && lock.l_len == 7 && lock.l_pid == holder
               ? 0
               : -1;
  }));
}

TEST_F(Locks, GetlkOfAFreeRangeSaysUnlocked) {
  const Fd fd = open_rw("file");
  struct flock lock = range(F_WRLCK);
  EXPECT_WORKS(::fcntl(fd, F_GETLK, &lock));
  EXPECT_EQ(lock.l_type, F_UNLCK);
}

TEST_F(Locks, WaiterIsWokenByTheUnlockAndNotBefore) { expect_woken(F_SETLK, F_SETLKW); }

TEST_F(Locks, WaiterIsWokenByTheHoldersDeath) {
  Signal locked;
  Signal die;
  Process holder([&]() -> long {
    take(open_rw("file").release(), F_WRLCK);
    locked.open();
    die.wait();
    return 0;
  });
  locked.wait();
  Process waiter([] { return take(open_rw("file"), F_WRLCK, 0, 0, F_SETLKW); });
  die.open();
  EXPECT_WORKS(waiter.join());
}

TEST_F(Locks, ADeadlockIsRefusedToOneOfTheTwo) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK, 0, 1));
  SharedPage page;
  Signal locked;
  // Whoever waits second gets EDEADLK and lets go, so that the other goes on.
  Process other([&]() -> long {
    const Fd own = open_rw("file");
    take(own, F_WRLCK, 1, 1);
    locked.open();
    if (take(own, F_WRLCK, 0, 1, F_SETLKW) == 0) return 0;
    page.words[0] += errno == EDEADLK ? 1 : 100;
    return 0;
  });
  locked.wait();
  if (take(fd, F_WRLCK, 1, 1, F_SETLKW) != 0) {
    page.words[0] += errno == EDEADLK ? 1 : 100;
    EXPECT_WORKS(take(fd, F_UNLCK));
  }
  EXPECT_WORKS(take(fd, F_UNLCK));
  EXPECT_WORKS(other.join());
  EXPECT_EQ(page.words[0], 1);
}

TEST_F(Locks, ASignalInterruptsAWaiter) {
  const Fd fd = open_rw("file");
  EXPECT_WORKS(take(fd, F_WRLCK));
  EXPECT_FAILS(EINTR, in_child([] {
                 struct sigaction action{};
                 action.sa_handler = [](int) {};  // no SA_RESTART
                 ::sigaction(SIGALRM, &action, nullptr);
                 const itimerval again{{0, 20'000}, {0, 20'000}};  // until one comes while we wait
                 ::setitimer(ITIMER_REAL, &again, nullptr);
                 return take(open_rw("file"), F_WRLCK, 0, 0, F_SETLKW);
               }));
}

TEST_F(Locks, ErrorsOfFcntl) {
  make_file("other");
  const Fd read_only = ::open("other", O_RDONLY);
  const Fd write_only = ::open("other", O_WRONLY);
  EXPECT_FAILS(EBADF, take(read_only, F_WRLCK));
  EXPECT_FAILS(EBADF, take(write_only, F_RDLCK));
  EXPECT_WORKS(take(read_only, F_RDLCK));
  EXPECT_FAILS(EBADF, take(-1, F_RDLCK));
  EXPECT_FAILS(EINVAL, take(open_rw("other"), 77));
  EXPECT_FAILS(EINVAL, take(open_rw("other"), F_RDLCK, -1, 10));
  EXPECT_FAILS(EFAULT, ::fcntl(read_only, F_SETLK, reinterpret_cast<void*>(1)));
}

TEST_F(Locks, ManyRangesOfTwoProcesses) {
  const Fd fd = open_rw("file");
  for (int i = 0; i < 200; ++i) ASSERT_WORKS(take(fd, F_WRLCK, i * 4, 2));
  EXPECT_WORKS(in_child([]() -> long {
    const Fd own = open_rw("file");
    for (int i = 0; i < 200; ++i) {
      if (take(own, F_WRLCK, i * 4 + 2, 2) != 0 || take(own, F_WRLCK, i * 4, 1) == 0) return -1;
    }
    return 0;
  }));
}

class OfdLocks : public Locks {};

TEST_F(OfdLocks, BelongToTheOpenFile) {
  const Fd one = open_rw("file");
  const Fd two = open_rw("file");
  EXPECT_WORKS(take(one, F_WRLCK, 0, 0, F_OFD_SETLK));
  EXPECT_FAILS(kBusy, take(two, F_WRLCK, 0, 0, F_OFD_SETLK));
  EXPECT_FAILS(kBusy, take(two, F_WRLCK, 0, 0, F_SETLK));
}

TEST_F(OfdLocks, ADuplicateIsTheSameOwner) {
  const Fd one = open_rw("file");
  const Fd twin = ::dup(one);
  EXPECT_WORKS(take(one, F_WRLCK, 0, 0, F_OFD_SETLK));
  EXPECT_WORKS(take(twin, F_WRLCK, 0, 0, F_OFD_SETLK));
}

TEST_F(OfdLocks, ClosingAnotherDescriptorKeepsThem) {
  const Fd one = open_rw("file");
  const Fd probe = open_rw("file");
  EXPECT_WORKS(take(one, F_WRLCK, 0, 0, F_OFD_SETLK));
  {
    const Fd other = open_rw("file");
  }
  {
    const Fd twin = ::dup(one);
  }
  EXPECT_FAILS(kBusy, take(probe, F_WRLCK, 0, 0, F_OFD_SETLK));
}

TEST_F(OfdLocks, TheLastCloseReleases) {
  Fd one = open_rw("file");
  const Fd two = open_rw("file");
  EXPECT_WORKS(take(one, F_WRLCK, 0, 0, F_OFD_SETLK));
  one.reset();
  EXPECT_WORKS(take(two, F_WRLCK, 0, 0, F_OFD_SETLK));
}

TEST_F(OfdLocks, AreInheritedByAChild) {
  const Fd one = open_rw("file");
  EXPECT_WORKS(take(one, F_WRLCK, 0, 0, F_OFD_SETLK));
  EXPECT_WORKS(in_child([&] { return take(one, F_WRLCK, 0, 0, F_OFD_SETLK); }));
  EXPECT_FAILS(kBusy, other_takes(F_WRLCK));
}

TEST_F(OfdLocks, WaiterIsWoken) { expect_woken(F_OFD_SETLK, F_OFD_SETLKW); }

TEST_F(OfdLocks, APidIsAnError) {
  const Fd fd = open_rw("file");
  struct flock lock = range(F_WRLCK);
  lock.l_pid = 1;
  EXPECT_FAILS(EINVAL, ::fcntl(fd, F_OFD_SETLK, &lock));
}

class Flock : public Locks {};

TEST_F(Flock, ExclusiveExcludesOtherOpens) {
  const Fd one = open_rw("file");
  const Fd two = open_rw("file");
  EXPECT_WORKS(::flock(one, LOCK_EX));
  EXPECT_FAILS(EWOULDBLOCK, ::flock(two, LOCK_EX | LOCK_NB));
  EXPECT_FAILS(EWOULDBLOCK, ::flock(two, LOCK_SH | LOCK_NB));
  EXPECT_WORKS(::flock(one, LOCK_UN));
  EXPECT_WORKS(::flock(two, LOCK_EX | LOCK_NB));
}

TEST_F(Flock, SharedIsShared) {
  const Fd one = open_rw("file");
  const Fd two = open_rw("file");
  EXPECT_WORKS(::flock(one, LOCK_SH));
  EXPECT_WORKS(::flock(two, LOCK_SH | LOCK_NB));
  EXPECT_FAILS(EWOULDBLOCK, ::flock(two, LOCK_EX | LOCK_NB));
}

TEST_F(Flock, WorksBetweenProcesses) {
  const Fd one = open_rw("file");
  EXPECT_WORKS(::flock(one, LOCK_EX));
  EXPECT_FAILS(EWOULDBLOCK, in_child([] { return ::flock(open_rw("file"), LOCK_EX | LOCK_NB); }));
}

TEST_F(Flock, AChildSharesTheParents) {
  const Fd one = open_rw("file");
  EXPECT_WORKS(::flock(one, LOCK_EX));
  EXPECT_WORKS(in_child([&] { return ::flock(one, LOCK_EX | LOCK_NB); }));
  EXPECT_WORKS(in_child([&] { return ::close(one); }));
  EXPECT_FAILS(EWOULDBLOCK, in_child([] { return ::flock(open_rw("file"), LOCK_EX | LOCK_NB); }));
}

TEST_F(Flock, IsHeldUntilTheLastDuplicateCloses) {
  Fd one = open_rw("file");
  Fd twin = ::dup(one);
  const Fd two = open_rw("file");
  EXPECT_WORKS(::flock(one, LOCK_EX));
  one.reset();
  EXPECT_FAILS(EWOULDBLOCK, ::flock(two, LOCK_EX | LOCK_NB));
  twin.reset();
  EXPECT_WORKS(::flock(two, LOCK_EX | LOCK_NB));
}

TEST_F(Flock, WorksOnReadOnlyDescriptorsAndDirectories) {
  const Fd file = ::open("file", O_RDONLY);
  EXPECT_WORKS(::flock(file, LOCK_EX | LOCK_NB));
  const Fd dir = ::open(".", O_RDONLY);
  EXPECT_WORKS(::flock(dir, LOCK_EX | LOCK_NB));
}

TEST_F(Flock, WaiterIsWoken) {
  const Fd one = open_rw("file");
  EXPECT_WORKS(::flock(one, LOCK_EX));
  SharedPage page;
  Signal started;
  Process waiter([&]() -> long {
    const Fd own = open_rw("file");
    started.open();
    if (::flock(own, LOCK_EX) != 0) return -1;
    return page.words[0] == 1 ? 0 : -1;
  });
  started.wait();
  page.words[0] = 1;
  EXPECT_WORKS(::flock(one, LOCK_UN));
  EXPECT_WORKS(waiter.join());
}

TEST_F(Flock, Errors) {
  const Fd fd = open_rw("file");
  EXPECT_FAILS(EBADF, ::flock(-1, LOCK_EX));
  EXPECT_FAILS(EINVAL, ::flock(fd, LOCK_SH | LOCK_EX));
}

TEST_F(Flock, AndFcntlDoNotSeeEachOther) {
  // NFS maps flock to record locks; no filesystem of ours does.
  const Fd one = open_rw("file");
  EXPECT_WORKS(::flock(one, LOCK_EX));
  EXPECT_WORKS(other_takes(F_WRLCK));
}

}  // namespace
}  // namespace cairn::posix
