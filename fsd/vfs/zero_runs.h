#pragma once

#include <cstddef>
#include <cstdint>

#include "fsd/base/bytes.h"

namespace cairn::vfs {

/// Zeros of a whole, aligned page become a hole.
inline constexpr std::uint64_t kHoleBytes = 4096;

[[nodiscard]] bool is_zero(ByteView bytes);

/// A part of what is written that becomes data, or a hole.
struct Run {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool zero = false;
};

/// The run of `bytes`, which go to `offset` of a file, that begins at `begin`: as many whole pages
/// of zeros as there are, or all up to the next such page. `begin` is 0 or the end of the last run.
[[nodiscard]] Run next_run(std::uint64_t offset, ByteView bytes, std::size_t begin);

}  // namespace cairn::vfs
