#include "fsd/daemon/notify.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "fsd/base/check.h"
#include "fsd/base/log.h"

namespace cairn::daemon {
namespace {

/// The parent: passes the daemon's word on.
[[noreturn]] void wait_for_word(int pipe) {
  std::string word;
  char piece[512];
  for (;;) {
    const ssize_t got = ::read(pipe, piece, sizeof piece);
    if (got <= 0) break;
    word.append(piece, static_cast<std::size_t>(got));
  }
  if (word == "ready") std::_Exit(0);
  std::fprintf(stderr, "cairn: %s\n", word.empty() ? "the daemon ended early" : word.c_str());
  std::_Exit(1);
}

}  // namespace

Notifier::Notifier(bool background) {
  if (!background) return;
  int ends[2];
  CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child > 0) {
    ::close(ends[1]);
    wait_for_word(ends[0]);
  }
  ::close(ends[0]);
  pipe_ = ends[1];
  ::setsid();
}

Notifier::~Notifier() {
  if (pipe_ >= 0) ::close(pipe_);
}

void Notifier::ready(const std::string& status) {
  sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
  if (pipe_ < 0) return;
  // What a terminal shows belongs to its next command from here on.
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) {
    ::dup2(null, 0);
    ::dup2(null, 1);
    ::close(null);
  }
  log::to_syslog_too();  // standard error may go with the terminal
  CHECK(::write(pipe_, "ready", 5) == 5);
  ::close(pipe_);
  pipe_ = -1;
}

void Notifier::stopping() { sd_notify(0, "STOPPING=1"); }

void Notifier::failed(const std::string& sentence) {
  sd_notify(0, ("STATUS=" + sentence).c_str());
  if (pipe_ < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(pipe_, sentence.data(), sentence.size());
  ::close(pipe_);
  pipe_ = -1;
}

}  // namespace cairn::daemon
