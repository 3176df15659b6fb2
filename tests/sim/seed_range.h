#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fsd/base/result.h"

namespace cairn::sim {

/// Seeds [first, last].
struct SeedRange {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
};

/// A whole number, from 1 on.
/// Fails with: one sentence that says so.
[[nodiscard]] Result<std::uint64_t> parse_seed(std::string_view text);

/// "A..B", or "A.." for all from A on; seeds begin with 1.
/// Fails with: one sentence that says what is meant.
[[nodiscard]] Result<SeedRange> parse_seed_range(const std::string& text);

}  // namespace cairn::sim
