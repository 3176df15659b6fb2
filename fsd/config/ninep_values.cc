#include "fsd/config/ninep_values.h"

#include <charconv>
#include <cstdio>

#include "fsd/config/config_error.h"

namespace cairn::config {
namespace {

constexpr std::uint64_t kIds = 0xFFFFFFFF;  // the last number means "none"
constexpr const char* kExpectedRanges =
    "expected ranges \"CLIENT:SERVER:COUNT\" such as \"0:100000:65536\", separated by commas";

/// The number at the front of `text`, which loses it.
bool take_number(std::string_view& text, std::uint32_t& number) {
  const char* begin = text.data();
  const auto [stop, error] = std::from_chars(begin, begin + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(stop - begin));
  return error == std::errc();
}

bool take(std::string_view& text, char wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<FileMode> parse_file_mode(std::string_view text) {
  constexpr std::uint32_t kModeMax = 0777;
  constexpr int kOctal = 8;
  FileMode mode;
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, mode.bits, kOctal);
  if (error == std::errc() && stop == end && mode.bits <= kModeMax) return mode;
  return config_error("expected permissions in octal such as \"0660\"");
}

std::string print_file_mode(const FileMode& mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", mode.bits);
  return text;
}

Result<std::vector<IdRange>> parse_id_ranges(std::string_view text) {
  std::vector<IdRange> ranges;
  while (!text.empty()) {
    IdRange range;
    while (take(text, ' ')) {
    }
    if (!take_number(text, range.client) || !take(text, ':') || !take_number(text, range.server) ||
        !take(text, ':') || !take_number(text, range.count) || range.count == 0 ||
        std::uint64_t{range.client} + range.count > kIds ||
        std::uint64_t{range.server} + range.count > kIds || (!text.empty() && !take(text, ','))) {
      return config_error(kExpectedRanges);
    }
    ranges.push_back(range);
  }
  return ranges;
}

std::string print_id_ranges(const std::vector<IdRange>& ranges) {
  std::string text;
  for (const IdRange& range : ranges) {
    if (!text.empty()) text += ", ";
    text += std::to_string(range.client) + ':' + std::to_string(range.server) + ':' +
            std::to_string(range.count);
  }
  return text;
}

}  // namespace cairn::config
