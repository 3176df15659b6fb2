#pragma once

#include <cstdint>

namespace cairn::engine {

/// How many frames a miss brings in at once: the one asked for and its neighbours. Bringing more is
/// nearly free in time (a request's latency outweighs half a megabyte) and pays where what was
/// written together is read together; it wastes bandwidth and cache where it is not. So it follows
/// what became of the neighbours: halved when fewer than one in eight was read before it was
/// dropped, doubled when more than one in four was. With no neighbours there is nothing to observe;
/// then misses right beside a cached frame show that some would have helped.
/// Threads: core only.   Fails: never.
class NeighbourPolicy {
 public:
  static constexpr std::uint32_t kFramesMax = 16;

  /// At a miss. `used` and `wasted`: neighbours so far (FrameCache::Counters); `adjacent`: a frame
  /// beside the missing one is in the cache.
  void on_miss(std::uint64_t used, std::uint64_t wasted, bool adjacent) {
    ++misses_;
    if (adjacent) ++adjacent_;
    if (frames_ == 1) {
      if (misses_ < kSample) return;
      if (adjacent_ * 4 > misses_) frames_ = 2;
      return restart(used, wasted);
    }
    const std::uint64_t good = used - used_before_;
    const std::uint64_t all = good + wasted - wasted_before_;
    if (all < kSample) return;
    if (good * 8 < all) {
      frames_ /= 2;
    } else if (good * 4 > all && frames_ < kFramesMax) {
      frames_ *= 2;
    }
    restart(used, wasted);
  }

  /// Including the missing one.
  [[nodiscard]] std::uint32_t frames() const { return frames_; }

 private:
  static constexpr std::uint64_t kSample = 128;

  void restart(std::uint64_t used, std::uint64_t wasted) {
    used_before_ = used;
    wasted_before_ = wasted;
    misses_ = 0;
    adjacent_ = 0;
  }

  std::uint32_t frames_ = kFramesMax;
  std::uint64_t used_before_ = 0;
  std::uint64_t wasted_before_ = 0;
  std::uint64_t misses_ = 0;
  std::uint64_t adjacent_ = 0;
};

}  // namespace cairn::engine
