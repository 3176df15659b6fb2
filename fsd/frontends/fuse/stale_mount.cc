#include "fsd/frontends/fuse/stale_mount.h"

#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "fsd/base/log.h"

namespace cairn::fuse {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOurType = "fuse.cairn";
constexpr int kDeadMountsMax = 8;  // one upon the other

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  while (!line.empty()) {
    const std::size_t space = line.find(' ');
    fields.push_back(line.substr(0, space));
    line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  }
  return fields;
}

bool is_within(const fs::path& inner, const fs::path& outer) {
  const fs::path relative = inner.lexically_relative(outer);
  return !relative.empty() && *relative.begin() != "..";
}

/// fusermount3 -u -z DIR, for those who are not root.
int run_fusermount(const std::string& mountpoint) {
  std::array<const char*, 6> arguments = {"fusermount3",      "-u",   "-z", "--",
                                          mountpoint.c_str(), nullptr};
  pid_t pid = 0;
  const int spawned = posix_spawnp(&pid, arguments[0], nullptr, nullptr,
                                   const_cast<char* const*>(arguments.data()), environ);
  if (spawned != 0) return spawned;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EPERM;
}

/// A dead mount answers nothing, not even for realpath of itself; its parent does.
Result<std::string> real_path(const std::string& mountpoint) {
  std::error_code error;
  fs::path absolute = fs::absolute(mountpoint, error).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  if (struct stat st{}; stat(absolute.c_str(), &st) == 0) {
    const fs::path real = fs::canonical(absolute, error);
    if (!error) return real.string();
  }
  const fs::path parent = fs::canonical(absolute.parent_path(), error);
  if (error) return mount_failure(ENOENT, "the mountpoint " + mountpoint + " does not exist");
  return (parent / absolute.filename()).string();
}

/// Does nobody answer any more? The kernel answers stat from what it remembers; statfs it has to
/// ask for. A daemon that was killed just now may still be on its way out.
bool is_dead(const std::string& target) {
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    struct statfs st{};
    if (statfs(target.c_str(), &st) == 0) return false;
    if (errno != ECANCELED && errno != ECONNABORTED && errno != EINTR) return errno == ENOTCONN;
    // tidy-allow(sleep): before the daemon starts, for another process to end
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

Result<void> clear_dead_mounts(const std::string& target) {
  for (int i = 0; i < kDeadMountsMax; ++i) {
    if (!is_dead(target)) return {};
    const auto mount = find_mount(target);
    if (!mount || mount->type != kOurType) {
      return mount_failure(
          ENOTCONN, target + " is a dead mount" + (mount ? " of " + mount->source : std::string()) +
                        "; take it away with: " +
                        (geteuid() == 0 ? "umount -l " : "fusermount3 -u ") + target);
    }
    TRY_OK(unmount(target));
    log::info("fuse: took away the dead mount of {} that an earlier daemon left on {}",
              mount->source, target);
  }
  return mount_failure(
      ENOTCONN,
      target + " is dead mounts upon dead mounts; take them away with: " + "umount -l " + target);
}

Result<void> check_directory(const std::string& target, const MountpointRules& rules) {
  struct stat st{};
  if (stat(target.c_str(), &st) != 0) {
    const int number = errno;
    if (number == ENOENT) {
      return mount_failure(number,
                           "the mountpoint " + target + " does not exist: make it with mkdir");
    }
    return mount_failure(number, "the mountpoint " + target + ": " + std::strerror(number));
  }
  if (!S_ISDIR(st.st_mode)) {
    return mount_failure(ENOTDIR, target + " is not a directory: name one to mount on");
  }
  if (const auto mount = find_mount(target); mount && mount->type == kOurType) {
    return mount_failure(EBUSY, mount->source + " is mounted on " + target +
                                    " already: unmount it, or mount elsewhere");
  }
  std::error_code error;
  const bool empty = fs::is_empty(target, error);
  if (!error && !empty && !rules.allow_nonempty) {
    return mount_failure(ENOTEMPTY, "the mountpoint " + target +
                                        " is not empty: what lies in it would be hidden; name an "
                                        "empty directory");
  }
  return {};
}

Result<void> check_cache_dir(const std::string& target, const std::string& cache_dir) {
  if (cache_dir.empty()) return {};
  std::error_code error;
  const fs::path cache = fs::weakly_canonical(cache_dir, error);
  if (error) return {};
  if (is_within(cache, target)) {
    return mount_failure(EINVAL, "the cache directory " + cache.string() +
                                     " lies below the mountpoint " + target +
                                     ": the daemon would wait for itself");
  }
  if (is_within(target, cache)) {
    return mount_failure(
        EINVAL, "the mountpoint " + target + " lies below the cache directory " + cache.string());
  }
  return {};
}

}  // namespace

std::string unescape_mount_field(std::string_view field) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size() && octal(field[i + 1]) && octal(field[i + 2]) &&
        octal(field[i + 3])) {
      out.push_back(static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 +
                                      (field[i + 3] - '0')));
      i += 3;
    } else {
      out.push_back(field[i]);
    }
  }
  return out;
}

std::optional<MountEntry> parse_mountinfo_line(std::string_view line) {
  // id parent major:minor root target options [optional...] - type source super-options
  const auto fields = split(line);
  std::size_t dash = 6;
  while (dash < fields.size() && fields[dash] != "-") ++dash;
  if (dash + 2 >= fields.size()) return std::nullopt;
  return MountEntry{std::string(fields[2]), unescape_mount_field(fields[4]),
                    unescape_mount_field(fields[dash + 1]), unescape_mount_field(fields[dash + 2])};
}

std::optional<MountEntry> find_mount(const std::string& target) {
  std::ifstream mounts("/proc/self/mountinfo");
  std::optional<MountEntry> last;
  for (std::string line; std::getline(mounts, line);) {
    auto entry = parse_mountinfo_line(line);
    if (entry && entry->target == target) last = std::move(entry);
  }
  return last;
}

Error mount_failure(int number, std::string sentence) {
  return Error(std::error_code(number, std::generic_category()), "cannot mount",
               std::move(sentence));
}

Result<std::string> prepare_mountpoint(const std::string& mountpoint,
                                       const MountpointRules& rules) {
  TRY(std::string target, real_path(mountpoint));
  TRY_OK(clear_dead_mounts(target));
  TRY_OK(check_directory(target, rules));
  TRY_OK(check_cache_dir(target, rules.cache_dir));
  return target;
}

Result<void> unmount_unused(const std::string& mountpoint) {
  if (umount2(mountpoint.c_str(), UMOUNT_NOFOLLOW) == 0) return {};
  const int number = errno;
  if (number == EINVAL || number == ENOENT) return {};  // not mounted any more
  if (number == EPERM && run_fusermount(mountpoint) == 0) return {};
  return system_error(number, "cannot unmount", mountpoint);
}

Result<void> unmount(const std::string& mountpoint) {
  auto unused = unmount_unused(mountpoint);
  if (unused) return unused;
  if (umount2(mountpoint.c_str(), MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return {};
  return unused;
}

}  // namespace cairn::fuse
