#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace cairn::fuse {

/// What the kernel can ask for.
enum class RequestKind : std::uint8_t {
  kLookup,
  kForget,
  kGetattr,
  kSetattr,
  kReadlink,
  kMknod,
  kMkdir,
  kUnlink,
  kRmdir,
  kSymlink,
  kRename,
  kLink,
  kOpen,
  kRead,
  kWrite,
  kFlush,
  kRelease,
  kFsync,
  kOpendir,
  kReaddir,
  kReleasedir,
  kFsyncdir,
  kStatfs,
  kSetxattr,
  kGetxattr,
  kListxattr,
  kRemovexattr,
  kAccess,
  kCreate,
  kGetlk,
  kSetlk,
  kFlock,
  kFallocate,
  kLseek,
  kCopyFileRange,
  kTmpfile,
  kStatx,
  kInterrupt,
};
inline constexpr std::size_t kRequestKinds = static_cast<std::size_t>(RequestKind::kInterrupt) + 1;

/// "lookup", "forget", ...
[[nodiscard]] const char* name_of(RequestKind kind);

/// How often the kernel has asked for what.
using RequestCounts = std::array<std::uint64_t, kRequestKinds>;

/// Threads: any.
class RequestCounter {
 public:
  void add(RequestKind kind) {
    counts_[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] RequestCounts read() const {
    RequestCounts counts{};
    for (std::size_t i = 0; i < kRequestKinds; ++i) {
      counts[i] = counts_[i].load(std::memory_order_relaxed);
    }
    return counts;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kRequestKinds> counts_{};
};

}  // namespace cairn::fuse
