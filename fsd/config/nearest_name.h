#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::config {

/// Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The name that was probably meant; nothing if none is near.
[[nodiscard]] std::optional<std::string> nearest_name(std::string_view wrong,
                                                      const std::vector<std::string>& names);

}  // namespace cairn::config
