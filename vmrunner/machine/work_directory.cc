#include "vmrunner/machine/work_directory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace cairn::vm {
namespace {

namespace fs = std::filesystem;

// It is made and locked under the one name and gets the other one then, so that nobody takes it for
// a dead runner's meanwhile.
constexpr char kUnfinished[] = "/.cairn-vm.XXXXXX";
constexpr std::string_view kPrefix = "cairn-vm.";

UniqueFd lock_if_free(const std::string& path) {
  UniqueFd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory && flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return directory;
}

bool is_ours(int fd) {
  struct stat found{};
  return fstat(fd, &found) == 0 && found.st_uid == geteuid();
}

/// What cannot be removed is somebody else's to look after.
void remove_left(const std::string& base) {
  std::error_code error;
  for (fs::directory_iterator at(base, error), end; !error && at != end; at.increment(error)) {
    if (!at->path().filename().native().starts_with(kPrefix)) continue;
    const UniqueFd lock = lock_if_free(at->path());
    std::error_code ignored;
    if (lock && is_ours(lock.get())) fs::remove_all(at->path(), ignored);
  }
}

}  // namespace

Result<WorkDirectory> WorkDirectory::make(const std::string& base) {
  remove_left(base);
  WorkDirectory made(base + kUnfinished);
  if (mkdtemp(made.path_.data()) == nullptr) {
    return system_error(errno, "no directory can be made", made.path_);
  }
  made.lock_ = lock_if_free(made.path_);
  const std::size_t slash = base.size() + 1;
  const std::string path = made.path_.substr(0, slash) + made.path_.substr(slash + 1);
  if (!made.lock_ || rename(made.path_.c_str(), path.c_str()) != 0) {
    const int number = errno;
    rmdir(made.path_.c_str());
    made.lock_ = {};
    return system_error(number, "no directory can be made", path);
  }
  made.path_ = path;
  return made;
}

WorkDirectory::~WorkDirectory() {
  std::error_code ignored;
  if (lock_) fs::remove_all(path_, ignored);
}

}  // namespace cairn::vm
