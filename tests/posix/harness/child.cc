#include "tests/posix/harness/child.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace cairn::posix {
namespace {

struct Answer {
  long result;
  int error;
};

[[noreturn]] void run_and_exit(const Body& body, int answer_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  errno = 0;
  Answer answer{};
  answer.result = body();
  answer.error = errno;
  (void)!::write(answer_fd, &answer, sizeof answer);
  ::_exit(0);
}

bool become(const User& user) {
  return ::setgroups(user.groups.size(), user.groups.data()) == 0 &&
         ::setresgid(user.gid, user.gid, user.gid) == 0 &&
         ::setresuid(user.uid, user.uid, user.uid) == 0;
}

}  // namespace

Process::Process(const Body& body) {
  int ends[2];
  if (::pipe(ends) != 0) return;
  pid_ = ::fork();
  if (pid_ == 0) {
    ::close(ends[0]);
    run_and_exit(body, ends[1]);
  }
  ::close(ends[1]);
  answer_ = ends[0];
}

Process::~Process() {
  if (!joined_) join();
}

long Process::join() {
  joined_ = true;
  Answer answer{-1, ECHILD};
  if (::read(answer_, &answer, sizeof answer) != static_cast<ssize_t>(sizeof answer)) {
    ADD_FAILURE() << "a child died without an answer";
  }
  ::close(answer_);
  ::waitpid(pid_, nullptr, 0);
  errno = answer.error;
  return answer.result;
}

long in_child(const Body& body) {
  Process process(body);
  return process.join();
}

long as_user(const User& user, const Body& body) {
  return in_child([&]() -> long {
    if (!become(user)) ::_exit(1);
    return body();
  });
}

int wait_status_of(const Body& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(static_cast<int>(body()));
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

Signal::Signal() { EXPECT_EQ(::pipe(ends_), 0); }

Signal::~Signal() {
  ::close(ends_[0]);
  ::close(ends_[1]);
}

void Signal::open() const { (void)!::write(ends_[1], "x", 1); }

void Signal::wait() const {
  char byte = 0;
  (void)!::read(ends_[0], &byte, 1);
}

SharedPage::SharedPage() {
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  words = static_cast<std::atomic<int>*>(page);
}

SharedPage::~SharedPage() { ::munmap(static_cast<void*>(words), 4096); }

}  // namespace cairn::posix
