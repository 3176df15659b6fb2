#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <future>
#include <thread>

#include "tests/unit/fuse/mount_fixture.h"

namespace cairn::fuse {
namespace {

struct flock whole_file(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// A new file, which this process has locked: closing it frees the lock.
int make_locked(const std::string& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_EXCL, 0644);
  auto lock = whole_file(F_WRLCK);
  EXPECT_EQ(fcntl(fd, F_SETLK, &lock), 0);
  return fd;
}

/// Runs `body` in a child process; its result is the child's exit status.
pid_t in_child(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    close_range(3, UINT_MAX, 0);  // the daemon's own ends of the mount are not the child's to hold
    _exit(body());
  }
  return pid;
}

/// Ends with 0 when it has the lock, with 1 when it has not got it.
pid_t child_that_waits_for_lock(const std::string& file) {
  return in_child([&] {
    const int mine = open(file.c_str(), O_RDWR);
    auto wanted = whole_file(F_WRLCK);
    return fcntl(mine, F_SETLKW, &wanted) == 0 ? 0 : 1;
  });
}

int status_of(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

void catch_without_restart(int signal) {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  sigaction(signal, &action, nullptr);
}

TEST_P(MountTest, a_posix_lock_keeps_another_process_out_and_closing_frees_it) {
  {
    const Fd fd(make_locked(path("file")));
    EXPECT_EQ(status_of(in_child([&] {
                const int mine = open(path("file").c_str(), O_RDWR);
                auto wanted = whole_file(F_WRLCK);
                if (fcntl(mine, F_SETLK, &wanted) == 0 || errno != EAGAIN) return 1;
                if (fcntl(mine, F_GETLK, &wanted) != 0) return 2;
                return wanted.l_type == F_WRLCK && wanted.l_pid == getppid() ? 0 : 3;
              })),
              0);
  }
  EXPECT_EQ(status_of(in_child([&] {
              const int mine = open(path("file").c_str(), O_RDWR);
              auto wanted = whole_file(F_WRLCK);
              return fcntl(mine, F_SETLK, &wanted) == 0 ? 0 : 1;
            })),
            0);
}

TEST_P(MountTest, a_lock_that_is_waited_for_is_had_when_it_is_freed) {
  const Fd fd(make_locked(path("file")));
  const std::uint64_t before = count(RequestKind::kSetlk);
  const pid_t child = child_that_waits_for_lock(path("file"));
  await_count(RequestKind::kSetlk, before + 1);
  auto unlock = whole_file(F_UNLCK);
  ASSERT_EQ(fcntl(fd, F_SETLK, &unlock), 0);
  EXPECT_EQ(status_of(child), 0);
}

TEST_P(MountTest, a_signal_ends_the_wait_for_a_lock) {
  const Fd fd(make_locked(path("file")));
  for (const bool with_flock : {false, true}) {
    if (with_flock) {
      ASSERT_EQ(flock(fd, LOCK_EX), 0);
    }
    const auto kind = with_flock ? RequestKind::kFlock : RequestKind::kSetlk;
    const std::uint64_t before = count(kind);
    const pid_t child = in_child([&] {
      catch_without_restart(SIGUSR1);
      const int mine = open(path("file").c_str(), O_RDWR);
      auto wanted = whole_file(F_WRLCK);
      const int result = with_flock ? flock(mine, LOCK_EX) : fcntl(mine, F_SETLKW, &wanted);
      return result == -1 && errno == EINTR ? 0 : 1;
    });
    await_count(kind, before + 1);
    kill(child, SIGUSR1);
    EXPECT_EQ(status_of(child), 0);
  }
}

TEST_P(MountTest, a_process_that_waits_for_a_lock_can_be_killed) {
  const Fd fd(make_locked(path("file")));
  const std::uint64_t before = count(RequestKind::kSetlk);
  const pid_t child = child_that_waits_for_lock(path("file"));
  await_count(RequestKind::kSetlk, before + 1);
  kill(child, SIGKILL);
  EXPECT_EQ(status_of(child), SIGKILL);
}

TEST_P(MountTest, locks_of_an_open_file_description_belong_to_it) {
  write_file(path("file"), "x");
  {
    const Fd a(open(path("file").c_str(), O_RDWR));
    const Fd b(open(path("file").c_str(), O_RDWR));
    auto lock = whole_file(F_WRLCK);
    ASSERT_EQ(fcntl(a, F_OFD_SETLK, &lock), 0);
    auto wanted = whole_file(F_WRLCK);
    EXPECT_EQ(fcntl(b, F_OFD_SETLK, &wanted), -1);
    EXPECT_EQ(errno, EAGAIN);
  }
  // Released by number of the handle, which the kernel does in the background.
  const Fd c(open(path("file").c_str(), O_RDWR));
  auto wanted = whole_file(F_WRLCK);
  EXPECT_EQ(fcntl(c, F_OFD_SETLKW, &wanted), 0);
}

TEST_P(MountTest, flock_excludes_and_is_freed_by_the_last_close) {
  write_file(path("file"), "x");
  const Fd b(open(path("file").c_str(), O_RDWR));
  {
    const Fd a(open(path("file").c_str(), O_RDWR));
    ASSERT_EQ(flock(a, LOCK_SH), 0);
    EXPECT_EQ(flock(b, LOCK_SH | LOCK_NB), 0);
    EXPECT_EQ(flock(b, LOCK_EX | LOCK_NB), -1);
    EXPECT_EQ(errno, EWOULDBLOCK);
  }
  EXPECT_EQ(flock(b, LOCK_EX), 0);
}

TEST_P(MountTest, unmounting_ends_waits_for_locks) {
  auto fd = std::make_unique<Fd>(make_locked(path("file")));
  const std::uint64_t before = count(RequestKind::kSetlk);
  const pid_t child = child_that_waits_for_lock(path("file"));
  await_count(RequestKind::kSetlk, before + 1);
  core_.set_listener(nullptr);
  server_->stop();
  // Without a signal the kernel hands the answer "restart" through, so only that it ended counts.
  EXPECT_TRUE(WIFEXITED(status_of(child)));
}

TEST_P(MountTest, a_mount_that_is_taken_away_by_force_may_have_requests_under_way) {
  core_.set_listener(nullptr);
  server_->stop();
  std::promise<void> gone;
  auto server = FuseServer::start(core_.runtime(), core_.vfs(),
                                  {.mountpoint = mount_.path(),
                                   .client = kFuseClient,
                                   .io_uring = GetParam(),
                                   .on_unmounted = [&] { gone.set_value(); }});
  ASSERT_TRUE(server) << server.error().message();
  server_ = *std::move(server);
  const Fd fd(make_locked(path("file")));
  const std::uint64_t before = count(RequestKind::kSetlk);
  const pid_t child = child_that_waits_for_lock(path("file"));
  await_count(RequestKind::kSetlk, before + 1);
  ASSERT_EQ(umount2(mount_.path().c_str(), MNT_FORCE | MNT_DETACH), 0) << errno;
  EXPECT_TRUE(WIFEXITED(status_of(child)));
  gone.get_future().wait();
  server_->stop();
}

}  // namespace
}  // namespace cairn::fuse
