#include "fsd/vfs/stat_numbers.h"

#include <algorithm>
#include <limits>

namespace cairn::vfs {
namespace {

constexpr TimeNs kSecond = 1'000'000'000;
constexpr std::uint64_t kStatBlock = 512;
constexpr std::uint64_t kStatfsBlock = 4096;
constexpr std::uint64_t kUnlimitedBytes = 1ULL << 50;
constexpr std::uint64_t kFreeInodes = 1ULL << 32;

}  // namespace

TimeNs to_time_ns(std::int64_t seconds, std::int64_t nanoseconds) {
  constexpr std::int64_t kSecondsMax = std::numeric_limits<TimeNs>::max() / kSecond - 1;
  if (seconds > kSecondsMax) return std::numeric_limits<TimeNs>::max();
  if (seconds < -kSecondsMax) return std::numeric_limits<TimeNs>::min();
  return seconds * kSecond + nanoseconds;
}

timespec to_timespec(TimeNs time) {
  timespec spec{.tv_sec = time / kSecond, .tv_nsec = time % kSecond};
  if (spec.tv_nsec < 0) {
    spec.tv_nsec += kSecond;
    --spec.tv_sec;
  }
  return spec;
}

std::uint64_t stat_blocks(const InodeRecord& inode) {
  return (inode.blocks + kStatBlock - 1) / kStatBlock;
}

struct statvfs to_statvfs(const FilesystemStats& stats) {
  const std::uint64_t total = std::max(std::min(stats.bytes_total, kUnlimitedBytes),
                                       std::min(stats.bytes_used, kUnlimitedBytes));
  struct statvfs st{};
  st.f_bsize = kStatfsBlock;
  st.f_frsize = kStatfsBlock;
  st.f_blocks = total / kStatfsBlock;
  st.f_bfree = total > stats.bytes_used ? (total - stats.bytes_used) / kStatfsBlock : 0;
  st.f_bavail = st.f_bfree;
  st.f_files = stats.inodes_used + kFreeInodes;
  st.f_ffree = kFreeInodes;
  st.f_favail = kFreeInodes;
  st.f_namemax = kNameBytesMax;
  return st;
}

}  // namespace cairn::vfs
