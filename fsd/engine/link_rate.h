#pragma once

#include <algorithm>
#include <cstdint>

#include "fsd/base/clock.h"
#include "fsd/engine/limits.h"

namespace cairn::engine {

/// What the way to the store carries, as measured while something is under way, and what follows
/// from it: how much bulk data goes into one segment, and how much may be under way at once, so
/// that a commit never waits long behind somebody's copying. Grows from a small start like a
/// sender's window: as long as answers come soon, what fits in kInFlightTarget grows.
/// Threads: core only.
class LinkRate {
 public:
  explicit LinkRate(std::size_t window_bytes) : window_bytes_(window_bytes) {}

  void on_sent(Duration now, std::uint64_t bytes) {
    if (under_way_ == 0) busy_since_ = now;
    under_way_ += bytes;
  }
  void on_acknowledged(Duration now, std::uint64_t bytes) {
    under_way_ -= bytes;
    sample_bytes_ += bytes;
    sample_time_ += now - busy_since_;
    busy_since_ = now;
    if (sample_bytes_ < kSampleBytes && sample_time_ < seconds(1)) return;
    // Small commits alone measure the store's latency, not the link.
    if (sample_bytes_ >= kSealBytesMin && sample_time_.count() > 0) {
      const double rate =
          static_cast<double>(sample_bytes_) * 1e9 / static_cast<double>(sample_time_.count());
      bytes_per_second_ = rate > bytes_per_second_ ? rate : 0.7 * bytes_per_second_ + 0.3 * rate;
    }
    sample_bytes_ = 0;
    sample_time_ = {};
  }
  /// Bytes that may be under way.
  [[nodiscard]] std::size_t in_flight_max() const {
    return std::clamp(at_rate(kInFlightTarget), kInFlightBytesMin, window_bytes_);
  }
  /// Data bytes at which a segment is sealed though nobody waits for it.
  [[nodiscard]] std::size_t seal_bytes() const {
    return std::clamp(at_rate(kSealTarget), kSealBytesMin,
                      std::min(kArenaBytesMax, window_bytes_ / 4));
  }
  [[nodiscard]] double bytes_per_second() const { return bytes_per_second_; }

 private:
  static constexpr std::uint64_t kSampleBytes = 8U << 20;
  [[nodiscard]] std::size_t at_rate(Duration time) const {
    return static_cast<std::size_t>(bytes_per_second_ * static_cast<double>(time.count()) / 1e9);
  }

  std::size_t window_bytes_;
  double bytes_per_second_ = 50e6;
  std::uint64_t under_way_ = 0;
  std::uint64_t sample_bytes_ = 0;
  Duration sample_time_{};
  Duration busy_since_{};
};

}  // namespace cairn::engine
