#include "fsd/daemon/notify.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "fsd/base/check.h"
#include "fsd/base/log.h"

namespace cairn::daemon {
namespace {

volatile pid_t awaited = 0;

void pass_on(int) { ::kill(awaited, SIGTERM); }

/// The parent: passes the daemon's word on. Who interrupts it means the daemon, which is in a
/// session of its own: it stops, and says so.
[[noreturn]] void wait_for_word(pid_t child, int pipe) {
  awaited = child;
  struct sigaction action = {};
  action.sa_handler = pass_on;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  std::string word;
  char piece[512];
  for (;;) {
    const ssize_t got = ::read(pipe, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    word.append(piece, static_cast<std::size_t>(got));
  }
  if (word == "ready") std::_Exit(0);
  std::fprintf(stderr, "cairn: %s\n", word.empty() ? "the daemon ended early" : word.c_str());
  std::_Exit(1);
}

/// May the log go on there? A file and the journal are for it. A terminal belongs to its next
/// command, and who reads a pipe waits for its end: `ssh HOST mount DIR` would not return.
bool is_for_logs(int fd) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) return false;
  if (S_ISREG(status.st_mode)) return true;
  const char* journal = std::getenv("JOURNAL_STREAM");
  return journal != nullptr &&
         journal == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace

Notifier::Notifier(bool background) {
  if (!background) return;
  int ends[2];
  CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd word(ends[0]);
  pipe_ = UniqueFd(ends[1]);
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child > 0) {
    pipe_ = UniqueFd();
    wait_for_word(child, word.get());
  }
  ::setsid();
}

void Notifier::ready(const std::string& status) {
  sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
  const UniqueFd pipe = std::move(pipe_);
  if (!pipe) return;
  if (const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC)); null) {
    ::dup2(null.get(), 0);
    ::dup2(null.get(), 1);
    if (!is_for_logs(2)) {
      ::dup2(null.get(), 2);
      log::to_syslog_too();
    }
  }
  CHECK(::write(pipe.get(), "ready", 5) == 5);
}

void Notifier::stopping() { sd_notify(0, "STOPPING=1"); }

void Notifier::failed(const std::string& sentence) {
  sd_notify(0, ("STATUS=" + sentence).c_str());
  const UniqueFd pipe = std::move(pipe_);
  if (!pipe) return;
  [[maybe_unused]] const ssize_t written = ::write(pipe.get(), sentence.data(), sentence.size());
}

}  // namespace cairn::daemon
