#pragma once

// Values that only [[servers.ninep]] has, and how they are written.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/result.h"

namespace cairn::config {

/// Permission bits, written in octal: "0660".
struct FileMode {
  std::uint32_t bits = 0;
  bool operator==(const FileMode&) const = default;
};
[[nodiscard]] Result<FileMode> parse_file_mode(std::string_view text);
[[nodiscard]] std::string print_file_mode(const FileMode& mode);

/// A client's numbers from `client` on are the volume's from `server` on: "CLIENT:SERVER:COUNT".
struct IdRange {
  std::uint32_t client = 0;
  std::uint32_t server = 0;
  std::uint32_t count = 0;
  bool operator==(const IdRange&) const = default;
};
/// Several are separated by commas; none: each number stands for itself.
[[nodiscard]] Result<std::vector<IdRange>> parse_id_ranges(std::string_view text);
[[nodiscard]] std::string print_id_ranges(const std::vector<IdRange>& ranges);

}  // namespace cairn::config
