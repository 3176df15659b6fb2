#include "fsd/index/value_checksum.h"

#include <xxhash.h>

namespace cairn::index {

std::uint32_t value_checksum(std::string_view key, std::string_view value) {
  const std::uint64_t seed = XXH3_64bits(key.data(), key.size());
  return static_cast<std::uint32_t>(XXH3_64bits_withSeed(value.data(), value.size(), seed));
}

void store_checked(std::string_view key, std::string_view value, char* into) {
  const std::uint32_t checksum = value_checksum(key, value);
  if (!value.empty()) std::memcpy(into, value.data(), value.size());
  std::memcpy(into + value.size(), &checksum, kChecksumBytes);
}

std::optional<std::string_view> find_checked(std::string_view key, std::string_view stored) {
  if (stored.size() < kChecksumBytes) return std::nullopt;
  const std::string_view value = stored.substr(0, stored.size() - kChecksumBytes);
  std::uint32_t checksum = 0;
  std::memcpy(&checksum, stored.data() + value.size(), kChecksumBytes);
  if (checksum != value_checksum(key, value)) return std::nullopt;
  return value;
}

}  // namespace cairn::index
