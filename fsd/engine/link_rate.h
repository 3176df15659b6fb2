#pragma once

#include <algorithm>
#include <cstdint>

#include "fsd/base/clock.h"
#include "fsd/engine/limits.h"

namespace cairn::engine {

/// What the way to the store carries, as measured while something is under way, and what follows
/// from it: how much bulk data goes into one segment, and how much may be under way at once, so
/// that a commit never waits long behind somebody's copying.
///
/// Each acknowledgement of a large segment is a sample: what was acknowledged since it was sent,
/// over the time that this took. Segments share the link, so they are acknowledged in bursts; what
/// came in one burst was sent over a longer time, and the longer of the two times counts. (This is
/// how TCP's BBR samples.) A sample counts downwards only if the link was kept busy, else it tells
/// of the writer. As long as answers come sooner than kInFlightTarget, a sample is higher than what
/// is allowed under way, so from a small start it grows like a sender's window.
/// Threads: core only.
class LinkRate {
 public:
  explicit LinkRate(std::size_t window_bytes) : window_bytes_(window_bytes) {}

  /// What is to be known of one segment under way.
  struct Sent {
    Duration at{};
    Duration older_sent_at{};              // when what was acknowledged last then had been sent
    Duration acknowledged_at{};            // ... and when that was
    std::uint64_t acknowledged_bytes = 0;  // all until then
    bool link_busy = false;
  };

  [[nodiscard]] Sent on_sent(Duration now, std::uint64_t bytes) {
    if (under_way_ == 0) newest_sent_at_ = acknowledged_at_ = now;
    under_way_ += bytes;
    return {.at = now,
            .older_sent_at = newest_sent_at_,
            .acknowledged_at = acknowledged_at_,
            .acknowledged_bytes = acknowledged_bytes_,
            .link_busy = under_way_ * 2 >= in_flight_max()};
  }
  void on_acknowledged(Duration now, std::uint64_t bytes, const Sent& sent) {
    under_way_ -= bytes;
    acknowledged_bytes_ += bytes;
    acknowledged_at_ = now;
    newest_sent_at_ = std::max(newest_sent_at_, sent.at);
    // Small commits alone measure the store's latency, not the link.
    if (bytes < kSealBytesMin) return;
    const Duration took = std::max(now - sent.acknowledged_at, sent.at - sent.older_sent_at);
    if (took.count() <= 0) return;
    const double rate = static_cast<double>(acknowledged_bytes_ - sent.acknowledged_bytes) * 1e9 /
                        static_cast<double>(took.count());
    if (rate > bytes_per_second_) {
      bytes_per_second_ = rate;
    } else if (sent.link_busy) {
      bytes_per_second_ = 0.7 * bytes_per_second_ + 0.3 * rate;
    }
  }
  // Not std::clamp: a window may be smaller than the least that is sensible, and counts more.
  /// Bytes that may be under way.
  [[nodiscard]] std::size_t in_flight_max() const {
    return std::min(std::max(at_rate(kInFlightTarget), kInFlightBytesMin), window_bytes_);
  }
  /// Data bytes at which a segment is sealed though nobody waits for it.
  [[nodiscard]] std::size_t seal_bytes() const {
    return std::min(
        {std::max(at_rate(kSealTarget), kSealBytesMin), kArenaBytesMax, window_bytes_ / 8});
  }
  [[nodiscard]] double bytes_per_second() const { return bytes_per_second_; }

 private:
  [[nodiscard]] std::size_t at_rate(Duration time) const {
    return static_cast<std::size_t>(bytes_per_second_ * static_cast<double>(time.count()) / 1e9);
  }

  std::size_t window_bytes_;
  double bytes_per_second_ = 20e6;  // a guess, until something has been measured
  std::uint64_t under_way_ = 0;
  std::uint64_t acknowledged_bytes_ = 0;
  Duration acknowledged_at_{};
  Duration newest_sent_at_{};  // of what has been acknowledged
};

}  // namespace cairn::engine
