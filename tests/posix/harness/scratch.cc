#include "tests/posix/harness/scratch.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace cairn::posix {
namespace {

std::string run_directory;
std::string case_directory;
unsigned cases = 0;

std::string choose_parent() {
  if (const char* named = std::getenv("CAIRN_POSIX_DIR"); named != nullptr) {
    if (::access(named, W_OK | X_OK) != 0) {
      throw std::runtime_error(std::string("CAIRN_POSIX_DIR is not a writable directory: ") +
                               named);
    }
    return std::filesystem::canonical(named);
  }
  if (::access("/dev/shm", W_OK | X_OK) == 0) return "/dev/shm";
  return std::filesystem::temp_directory_path();
}

// The run's directory has a parent in which the other user may not write: whoever made it stays
// behind to remove it. Returns in the child only.
void leave_a_remover() {
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("cannot fork");
  if (pid == 0) return;
  int status = 0;
  ::waitpid(pid, &status, 0);
  remove_tree(run_directory);
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void become(uid_t uid) {
  if (::setgroups(0, nullptr) != 0 || ::setgid(uid) != 0 || ::setuid(uid) != 0) {
    throw std::runtime_error("cannot become the user of CAIRN_POSIX_UID");
  }
  ::prctl(PR_SET_DUMPABLE, 1);  // else /proc/self/fd would still be root's
  if (::access(run_directory.c_str(), W_OK | X_OK) != 0) {
    throw std::runtime_error("the user of CAIRN_POSIX_UID cannot reach " + run_directory);
  }
}

}  // namespace

void Scratch::start() {
  std::string path = choose_parent() + "/posix-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make " + path);
  run_directory = path;
  if (::chmod(path.c_str(), 0755) != 0) throw std::runtime_error("cannot chmod " + path);
  const char* uid = std::getenv("CAIRN_POSIX_UID");
  if (uid == nullptr || ::geteuid() != 0) return;
  const auto number = static_cast<uid_t>(std::stoul(uid));
  if (::chown(path.c_str(), number, number) != 0) throw std::runtime_error("cannot chown " + path);
  leave_a_remover();
  become(number);
}

void Scratch::finish() {
  if (::chdir("/") == 0) remove_tree(run_directory);
}

const std::string& Scratch::base() { return run_directory; }

void Scratch::enter() {
  ::umask(022);
  case_directory = run_directory + "/" + std::to_string(++cases);
  if (::mkdir(case_directory.c_str(), 0755) != 0 || ::chdir(case_directory.c_str()) != 0) {
    throw std::runtime_error("cannot make the case's directory " + case_directory);
  }
}

void Scratch::leave() {
  ::umask(022);
  if (::chdir(run_directory.c_str()) != 0) throw std::runtime_error("lost " + run_directory);
  remove_tree(case_directory);
}

void remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (!error) return;
  // A directory that its owner may not search, or not list: open them all, and try again.
  std::vector<std::string> open = {path};
  while (!open.empty()) {
    const std::string next = open.back();
    open.pop_back();
    ::chmod(next.c_str(), 0700);
    for (const auto& entry : std::filesystem::directory_iterator(next, error)) {
      if (entry.is_directory(error) && !entry.is_symlink(error)) open.push_back(entry.path());
    }
  }
  std::filesystem::remove_all(path, error);
}

}  // namespace cairn::posix
