#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace cairn::index {

/// What stands behind each value in the local index, since LMDB keeps no checksums: four bytes that
/// depend on value and key, so that neither changed bytes nor another key's value are believed.
inline constexpr std::size_t kChecksumBytes = 4;

[[nodiscard]] std::uint32_t value_checksum(std::string_view key, std::string_view value);

/// Writes the value and its checksum to `into`, which has room for both.
void store_checked(std::string_view key, std::string_view value, char* into);

/// The value out of what store_checked() wrote; nothing if it is not what was written.
[[nodiscard]] std::optional<std::string_view> find_checked(std::string_view key,
                                                           std::string_view stored);

}  // namespace cairn::index
