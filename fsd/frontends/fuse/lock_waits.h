#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace cairn::fuse {

/// The lock requests that wait, by the kernel's number of the request, and the interrupts that may
/// end them. An interrupt comes over another way than the request (always over read) and may come
/// before it, so the last few that matched nothing are remembered.
///
/// Each waiting request keeps an entry of its lane's ring, and the unlock that it waits for needs
/// one too: a lane takes only so many.
///
/// Threads: any.
class LockWaits {
 public:
  LockWaits(std::size_t lanes, std::size_t per_lane_max)
      : waiting_(lanes), per_lane_max_(per_lane_max) {}

  /// False if too many wait in this lane already.
  [[nodiscard]] bool begin(std::uint64_t unique, std::size_t lane);
  /// Was it interrupted since begin(), or before?
  [[nodiscard]] bool interrupted(std::uint64_t unique) const;
  void end(std::uint64_t unique);

  /// True if that request waits: its wait is to be cancelled.
  [[nodiscard]] bool interrupt(std::uint64_t unique);
  /// All that wait, so that they can be cancelled; and from now on begin() marks as interrupted.
  [[nodiscard]] std::vector<std::uint64_t> interrupt_all();

  static constexpr std::size_t kEarlyMax = 256;

 private:
  struct Wait {
    std::size_t lane = 0;
    bool interrupted = false;
  };

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Wait> waits_;
  std::vector<std::size_t> waiting_;  // per lane
  std::deque<std::uint64_t> early_;   // interrupts that matched nothing, oldest first
  const std::size_t per_lane_max_;
  bool closing_ = false;
};

}  // namespace cairn::fuse
