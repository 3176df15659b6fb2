#pragma once

#include <cstdint>

#include "fsd/base/bytes.h"

namespace cairn {

/// Unpredictable bytes (seeded and repeatable under simulation). Threads: any.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableByteView bytes) = 0;

  [[nodiscard]] std::uint64_t next() {
    std::uint64_t value = 0;
    fill(MutableByteView(reinterpret_cast<std::uint8_t*>(&value), sizeof value));
    return value;
  }
  /// Uniform in [0, bound), for bound > 0 (a bias below 2^-32 for bounds below 2^32).
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return next() % bound; }
};

}  // namespace cairn
