// Random operations on names by several processes, with a check of the tree at the end.
//
// Each process works in common directories with names of its own, and knows what each of them must
// be: a model. Beside that, all of them quarrel about common names, where the outcome of one call
// is open, but not what the tree may look like: at the end every listed name can be looked up,
// every inode has as many links as names were found, every file still holds the tag that was
// written into it when it was made, ".." is the parent, and the whole can be removed.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/posix/stress/options.h"

namespace cairn::stress {
namespace {

constexpr std::uint64_t kDirectories = 6;
constexpr std::uint64_t kNames = 40;
constexpr std::size_t kLogged = 30;

struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void fail(const std::string& what) {
  throw Mismatch(what + " (" + std::strerror(errno) + ")");
}

void write_tag(const std::string& path, const std::string& tag, int flags) {
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | flags, 0644);
  if (fd < 0) {
    if (errno == EEXIST) return;
    fail("create " + path);
  }
  const bool whole = ::write(fd, tag.data(), tag.size()) == static_cast<ssize_t>(tag.size());
  ::close(fd);
  if (!whole) fail("write " + path);
}

std::string read_tag(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY);
  if (fd < 0) fail("open " + path);
  char tag[64];
  const ssize_t n = ::read(fd, tag, sizeof tag);
  ::close(fd);
  if (n < 0) fail("read " + path);
  return {tag, static_cast<std::size_t>(n)};
}

std::vector<std::string> list(const std::string& path) {
  std::vector<std::string> names;
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) fail("opendir " + path);
  while (const dirent* entry = ::readdir(dir)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(dir);
  return names;
}

/// What one process does.
class Worker {
 public:
  Worker(std::string root, std::uint64_t id, std::uint64_t seed)
      : root_(std::move(root)), id_(id), dice_(seed * 1000 + id) {}

  void run(std::uint64_t operations) {
    for (std::uint64_t i = 0; i < operations; ++i) {
      if (dice_.one_in(2)) {
        own(i);
      } else {
        common(i);
      }
      if (i % 512 == 511) check();
    }
    check();
  }
  void print_log() const {
    for (const auto& line : log_) std::fprintf(stderr, "  %s\n", line.c_str());
  }

 private:
  std::string directory() { return root_ + "/d" + std::to_string(dice_.below(kDirectories)); }
  std::string prefix() const { return "p" + std::to_string(id_) + "-"; }
  std::string own_path() {
    return directory() + "/" + prefix() + std::to_string(dice_.below(kNames));
  }
  std::string common_path() {
    const std::string below = dice_.one_in(3) ? "/c" + std::to_string(dice_.below(kNames)) : "";
    return root_ + "/common/c" + std::to_string(dice_.below(kNames)) + below;
  }
  void note(const std::string& what) {
    log_.push_back("process " + std::to_string(id_) + ": " + what);
    if (log_.size() > kLogged) log_.pop_front();
  }
  /// The call must succeed, or fail with this errno.
  void expect(const std::string& what, int result, int error) {
    note(what);
    const int outcome = result == 0 ? 0 : errno;
    if (outcome != error) {
      throw Mismatch(what + ": " + std::strerror(outcome) + ", must be " + std::strerror(error));
    }
  }

  void own(std::uint64_t number);
  void own_rename(const std::string& from, const std::string& to);
  void common(std::uint64_t number);
  void check();

  std::string root_;
  std::uint64_t id_;
  Dice dice_;
  std::map<std::string, std::string> model_;  // path -> tag; "/" for a directory, which stays empty
  std::deque<std::string> log_;
};

void Worker::own(std::uint64_t number) {
  const std::string one = own_path();
  const std::string two = own_path();
  const bool has_one = model_.contains(one);
  const bool has_two = model_.contains(two);
  const bool directory = has_one && model_[one] == "/";
  const std::string tag = prefix() + std::to_string(number);
  switch (dice_.below(6)) {
    case 0:
      note("create " + one);
      if (has_one) return;
      write_tag(one, tag, O_EXCL);
      model_[one] = tag;
      return;
    case 1:
      expect("mkdir " + one, ::mkdir(one.c_str(), 0755), has_one ? EEXIST : 0);
      if (!has_one) model_[one] = "/";
      return;
    case 2:
      expect("unlink " + one, ::unlink(one.c_str()), !has_one ? ENOENT : directory ? EISDIR : 0);
      if (has_one && !directory) model_.erase(one);
      return;
    case 3:
      expect("rmdir " + one, ::rmdir(one.c_str()), !has_one ? ENOENT : directory ? 0 : ENOTDIR);
      if (directory) model_.erase(one);
      return;
    case 4:
      if (directory) return;
      expect("link " + one + " " + two, ::link(one.c_str(), two.c_str()),
             !has_one  ? ENOENT
             : has_two ? EEXIST
                       : 0);
      if (has_one && !has_two) model_[two] = model_[one];
      return;
    default:
      own_rename(one, two);
  }
}

void Worker::own_rename(const std::string& from, const std::string& to) {
  const auto source = model_.find(from);
  const auto target = model_.find(to);
  int error = 0;
  if (source == model_.end()) {
    error = ENOENT;
  } else if (target != model_.end() && source != target) {
    const bool from_directory = source->second == "/";
    if (from_directory && target->second != "/") error = ENOTDIR;
    if (!from_directory && target->second == "/") error = EISDIR;
  }
  const bool twins = error == 0 && target != model_.end() && source->second != "/" &&
                     source->second == target->second;  // two links of one inode: nothing happens
  expect("rename " + from + " " + to, ::rename(from.c_str(), to.c_str()), error);
  if (error != 0 || from == to || twins) return;
  model_[to] = model_[from];
  model_.erase(from);
}

// Whatever comes out of the quarrel is right, as long as it is one of a race's answers.
void Worker::common(std::uint64_t number) {
  const std::string one = common_path();
  const std::string two = common_path();
  int result = 0;
  const auto kind = dice_.below(7);
  switch (kind) {
    case 0: {
      // Made under a name of our own and then renamed or linked: it never is seen without its tag.
      const std::string draft = root_ + "/d0/" + prefix() + "draft";
      write_tag(draft, prefix() + std::to_string(number), O_EXCL);
      result = dice_.one_in(2) ? ::rename(draft.c_str(), one.c_str())
                               : ::link(draft.c_str(), one.c_str());
      const int error = errno;
      ::unlink(draft.c_str());
      errno = error;
      break;
    }
    case 1:
      result = ::mkdir(one.c_str(), 0755);
      break;
    case 2:
      result = ::unlink(one.c_str());
      break;
    case 3:
      result = ::rmdir(one.c_str());
      break;
    case 4:
      result = ::link(one.c_str(), two.c_str());
      break;
    case 5:
      result = ::symlink("nowhere", one.c_str());
      break;
    default:
      result = ::rename(one.c_str(), two.c_str());
  }
  note("common " + std::to_string(kind) + " " + one + " " + two);
  static const std::set<int> races = {ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY,
                                      EPERM,  EINVAL, EBUSY,   EMLINK};
  if (result != 0 && !races.contains(errno)) fail("common operation " + std::to_string(kind));
}

void Worker::check() {
  std::map<std::string, std::string> found;
  for (std::uint64_t d = 0; d < kDirectories; ++d) {
    const std::string directory = root_ + "/d" + std::to_string(d);
    for (const auto& name : list(directory)) {
      if (name.rfind(prefix(), 0) != 0) continue;
      const std::string path = directory + "/" + name;
      struct stat answer{};
      if (::lstat(path.c_str(), &answer) != 0) fail("listed but not there: " + path);
      const std::string what = S_ISDIR(answer.st_mode) ? "/" : read_tag(path);
      if (!found.emplace(path, what).second) throw Mismatch("listed twice: " + path);
    }
  }
  if (found == model_) return;
  for (const auto& [path, tag] : model_) {
    if (!found.contains(path)) throw Mismatch("lost: " + path);
    if (found[path] != tag) throw Mismatch(path + " holds " + found[path] + ", must hold " + tag);
  }
  for (const auto& [path, tag] : found) {
    if (!model_.contains(path)) throw Mismatch("came back: " + path);
  }
}

/// What the whole tree must be when nobody changes it any more.
class TreeCheck {
 public:
  void run(const std::string& root) {
    walk(root);
    for (const auto& [ino, file] : files_) {
      if (file.links != file.names) {
        throw Mismatch(file.path + " has " + std::to_string(file.links) + " links and " +
                       std::to_string(file.names) + " names");
      }
    }
  }
  [[nodiscard]] std::size_t inodes() const { return files_.size() + directories_; }

 private:
  struct File {
    std::string path;
    std::uint64_t links;
    std::uint64_t names;
  };

  void walk(const std::string& path) {
    ++directories_;
    struct stat self{};
    if (::lstat(path.c_str(), &self) != 0) fail("lstat " + path);
    std::uint64_t below = 0;
    std::set<std::string> seen;
    for (const auto& name : list(path)) {
      if (!seen.insert(name).second) throw Mismatch("listed twice: " + path + "/" + name);
      visit(path + "/" + name, self.st_ino, below);
    }
    // 1 is the answer of filesystems that do not count directories.
    if (self.st_nlink != 1 && self.st_nlink != 2 + below) {
      throw Mismatch(path + " has " + std::to_string(self.st_nlink) + " links and " +
                     std::to_string(below) + " directories");
    }
  }
  void visit(const std::string& path, ino_t parent, std::uint64_t& below) {
    struct stat answer{};
    if (::lstat(path.c_str(), &answer) != 0) fail("listed but not there: " + path);
    if (S_ISDIR(answer.st_mode)) {
      ++below;
      struct stat up{};
      if (::lstat((path + "/..").c_str(), &up) != 0) fail("no .. in " + path);
      if (up.st_ino != parent) throw Mismatch(".. of " + path + " is another directory");
      return walk(path);
    }
    auto [file, fresh] = files_.try_emplace(answer.st_ino, File{path, answer.st_nlink, 0});
    ++file->second.names;
    if (S_ISREG(answer.st_mode) && read_tag(path).rfind('p', 0) != 0) {
      throw Mismatch("the tag is gone: " + path);
    }
  }

  std::map<ino_t, File> files_;
  std::size_t directories_ = 0;
};

int work(const std::string& root, std::uint64_t id, const Options& options) {
  Worker worker(root, id, options.numbers.at("seed"));
  try {
    worker.run(options.numbers.at("ops"));
  } catch (const Mismatch& mismatch) {
    worker.print_log();
    std::fprintf(stderr, "MISMATCH in process %llu: %s\n", static_cast<unsigned long long>(id),
                 mismatch.what());
    return 1;
  }
  return 0;
}

bool work_all(const std::string& root, const Options& options) {
  std::vector<pid_t> children;
  for (std::uint64_t id = 0; id < options.numbers.at("processes"); ++id) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(work(root, id, options));
    children.push_back(pid);
  }
  bool ok = true;
  for (const pid_t pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return ok;
}

bool run(const Options& options) {
  const std::string root = options.directory + "/dirs-" + std::to_string(::getpid());
  const auto make = [](const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0) fail("mkdir " + path);
  };
  bool ok = false;
  try {
    make(root);
    make(root + "/common");
    for (std::uint64_t d = 0; d < kDirectories; ++d) make(root + "/d" + std::to_string(d));
    ok = work_all(root, options);
    TreeCheck check;
    check.run(root);
    std::printf("%zu inodes at the end\n", check.inodes());
    if (ok) std::filesystem::remove_all(root);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "MISMATCH: %s\n", error.what());
    ok = false;
  }
  if (!ok) std::fprintf(stderr, "the tree is kept: %s\n", root.c_str());
  return ok;
}

}  // namespace
}  // namespace cairn::stress

int main(int argc, char** argv) {
  using namespace cairn::stress;
  Options options{"", {{"seed", 1}, {"ops", 5'000}, {"processes", 4}}};
  if (!parse(argc, argv, options)) return 2;
  std::printf("dir_stress %s --seed %llu --ops %llu --processes %llu\n", options.directory.c_str(),
              static_cast<unsigned long long>(options.numbers["seed"]),
              static_cast<unsigned long long>(options.numbers["ops"]),
              static_cast<unsigned long long>(options.numbers["processes"]));
  std::fflush(stdout);
  if (!run(options)) {
    std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(options.numbers["seed"]));
    return 1;
  }
  std::printf("no mismatch\n");
  return 0;
}
