#include "tests/sim/seed_range.h"

#include <charconv>

namespace cairn::sim {
namespace {

Error refused(const char* sentence, std::string_view text) {
  return Error(std::make_error_code(std::errc::invalid_argument), sentence, std::string(text));
}

}  // namespace

Result<std::uint64_t> parse_seed(std::string_view text) {
  std::uint64_t seed = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (failed == std::errc() && end == text.data() + text.size() && seed > 0) return seed;
  return refused("a seed is a whole number, from 1 on", text);
}

Result<SeedRange> parse_seed_range(const std::string& text) {
  constexpr std::string_view kDots = "..";
  const std::size_t dots = text.find(kDots);
  if (dots == std::string::npos) {
    return refused("a range of seeds is written 1..300, or 1.. for all from 1 on", text);
  }
  SeedRange range{.first = 1, .last = UINT64_MAX};
  TRY(range.first, parse_seed(std::string_view(text).substr(0, dots)));
  const std::string_view end = std::string_view(text).substr(dots + kDots.size());
  if (!end.empty()) {
    TRY(range.last, parse_seed(end));
  }
  if (range.first > range.last)
    return refused("a range of seeds begins with the smaller one", text);
  return range;
}

}  // namespace cairn::sim
