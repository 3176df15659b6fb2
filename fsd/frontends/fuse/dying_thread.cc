#include "fsd/frontends/fuse/dying_thread.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <string>

#include "fsd/base/unique_fd.h"

namespace cairn::fuse {
namespace {

/// One of the sets of signals; 0 if it is not there.
std::uint64_t signals_of(std::string_view status, std::string_view name) {
  const auto at = status.find(name);
  if (at == std::string_view::npos) return 0;
  status.remove_prefix(at + name.size());
  while (!status.empty() && (status.front() == '\t' || status.front() == ' ')) {
    status.remove_prefix(1);
  }
  std::uint64_t set = 0;
  std::from_chars(status.data(), status.data() + status.size(), set, 16);
  return set;
}

/// /proc may be that of another pid namespace: its numbers would be others'.
bool proc_is_ours() {
  static const bool ours = [] {
    std::array<char, 32> target{};
    const ssize_t length = readlink("/proc/self", target.data(), target.size());
    return length > 0 && std::string_view(target.data(), static_cast<std::size_t>(length)) ==
                             std::to_string(getpid());
  }();
  return ours;
}

}  // namespace

bool has_kill_pending(std::string_view status) {
  constexpr std::uint64_t kKill = std::uint64_t{1} << (SIGKILL - 1);
  return ((signals_of(status, "\nSigPnd:") | signals_of(status, "\nShdPnd:")) & kKill) != 0;
}

bool is_dying(int thread) {
  if (thread <= 0 || !proc_is_ours()) return false;
  const std::string path = "/proc/" + std::to_string(thread) + "/status";
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  std::array<char, 8192> status;
  const ssize_t length = read(fd.get(), status.data(), status.size());
  return length > 0 && has_kill_pending({status.data(), static_cast<std::size_t>(length)});
}

}  // namespace cairn::fuse
