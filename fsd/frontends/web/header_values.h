#pragma once

// What we read ourselves out of the values of headers: bytes of anybody's, so each function takes
// any.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::web {

[[nodiscard]] std::string lower_case(std::string_view text);
/// The members of a list that is separated by commas, without blanks around them and without empty
/// ones.
[[nodiscard]] std::vector<std::string_view> list_items(std::string_view value);
/// Whether the list has this token, whatever its case.
[[nodiscard]] bool has_token(std::string_view value, std::string_view token);

/// The value of the first cookie of this name; empty if there is none.
[[nodiscard]] std::string_view cookie_value(std::string_view cookies, std::string_view name);
/// What follows "Bearer" in an Authorization; empty if it is of another kind.
[[nodiscard]] std::string_view bearer_of(std::string_view authorization);
/// Whether an Accept-Encoding names this one, and not with the weight 0.
[[nodiscard]] bool accepts_encoding(std::string_view value, std::string_view encoding);
/// Whether an If-None-Match has this etag, weak or not, or is "*".
[[nodiscard]] bool matches_etag(std::string_view value, std::string_view etag);

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};
enum class RangeKind : std::uint8_t { kWhole, kPart, kOutside };
struct WantedRange {
  RangeKind kind = RangeKind::kWhole;
  ByteRange part;  // never empty, and within the size
};
/// What a Range asks for of `size` bytes. Several ranges, other units and nonsense count as none:
/// the whole is answered.
[[nodiscard]] WantedRange wanted_range(std::string_view value, std::uint64_t size);

/// The path of a request's target, without its query and with its escapes resolved. None: it does
/// not begin with a slash, an escape is wrong, it has a zero byte, or a part of it is empty (but
/// for the last), ".", or "..".
[[nodiscard]] std::optional<std::string> path_of(std::string_view target);

}  // namespace cairn::web
