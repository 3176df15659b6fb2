#pragma once

// What the POSIX core counts for the whole volume: the record under counter_key("vfs").

#include <cstdint>
#include <string>
#include <string_view>

#include "fsd/base/result.h"

namespace cairn::format {

struct CoreCounters {
  std::uint64_t lease_end = 0;  // inode numbers below this may have been given out; past the root's
  std::uint64_t inodes = 0;
  std::uint64_t bytes = 0;                     // that extents cover
  std::uint64_t name_key0 = 0, name_key1 = 0;  // SipHash's key for the cookies of names
  bool operator==(const CoreCounters&) const = default;
};

[[nodiscard]] std::string core_counters_key();
[[nodiscard]] std::string encode(const CoreCounters& counters);
/// Fails with: FormatErrc.
[[nodiscard]] Result<CoreCounters> decode_core_counters(std::string_view bytes);

}  // namespace cairn::format
