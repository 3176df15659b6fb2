#include "fsd/object_store/s3/credential_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "fsd/object_store/object_store.h"

namespace cairn::object_store::s3 {
namespace {

constexpr std::size_t kOutputBytesMax = 256 << 10;
constexpr std::chrono::seconds kTimeMax{60};

Error failed(const std::string& command, const char* why) {
  return {StoreErrc::kBadCredentials, "credential_process failed", "'" + command + "' " + why};
}

/// The shell in a process group of its own, its output in `output`. 0 if it cannot be started.
pid_t spawn_shell(const std::string& command, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::string text = command;
  char shell[] = "sh";
  char option[] = "-c";
  char* arguments[] = {shell, option, text.data(), nullptr};
  pid_t child = 0;
  if (posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environ) != 0) child = 0;
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return child;
}

// tidy-allow(clock): another program takes real time; what is simulated starts none.
using MonotonicClock = std::chrono::steady_clock;

/// Reads to the end; false if that takes too long or is too much.
bool read_all(int input, std::string& text) {
  const auto deadline = MonotonicClock::now() + kTimeMax;
  char piece[4096];
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - MonotonicClock::now());
    pollfd waiting{input, POLLIN, 0};
    if (left.count() <= 0 || text.size() > kOutputBytesMax) return false;
    if (poll(&waiting, 1, static_cast<int>(left.count())) <= 0) {
      if (errno == EINTR) continue;
      return false;
    }
    const ssize_t got = read(input, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    text.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace

Result<std::string> run_credential_process(const std::string& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed(command, "cannot be given a pipe");
  const pid_t child = spawn_shell(command, ends[1]);
  close(ends[1]);
  std::string output;
  const bool complete = child != 0 && read_all(ends[0], output);
  close(ends[0]);
  if (child == 0) return failed(command, "cannot be started");
  if (!complete) kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!complete) return failed(command, "printed too much, or nothing for a minute");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return failed(command, "exits with an error");
  return output;
}

}  // namespace cairn::object_store::s3
