#pragma once

#include <chrono>
#include <cstdint>

namespace cairn {

using Duration = std::chrono::nanoseconds;

/// The two clocks. Threads: any. Under simulation both are virtual.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Since some fixed moment; never goes back. Time-outs and rates are measured by it.
  [[nodiscard]] virtual Duration monotonic() = 0;
  /// Since 1970-01-01 UTC; may jump. For the times that files carry and for signatures; no safety
  /// depends on it.
  [[nodiscard]] virtual Duration wall() = 0;
};

}  // namespace cairn
