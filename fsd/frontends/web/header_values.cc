#include "fsd/frontends/web/header_values.h"

#include <algorithm>
#include <charconv>

namespace cairn::web {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view part = trimmed(text.substr(0, end));
    if (!part.empty()) parts.push_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

/// All of `text`; none if it is no number or too large.
std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "q=0", "q=0.", "q=0.000".
bool is_weight_zero(std::string_view parameter) {
  if (parameter.size() < 3 || lower(parameter[0]) != 'q' || parameter[1] != '=') return false;
  return std::ranges::all_of(parameter.substr(2), [](char c) { return c == '0' || c == '.'; });
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    if (text.size() - at < 3) return std::nullopt;
    const auto high = hex_digit(text[at + 1]);
    const auto low = hex_digit(text[at + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high << 4U | *low);
    at += 2;
  }
  return out;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::vector<std::string_view> list_items(std::string_view value) { return split(value, ','); }

bool has_token(std::string_view value, std::string_view token) {
  return std::ranges::any_of(list_items(value),
                             [token](std::string_view item) { return same(item, token); });
}

std::string_view cookie_value(std::string_view cookies, std::string_view name) {
  for (const std::string_view cookie : split(cookies, ';')) {
    const std::size_t equals = cookie.find('=');
    if (equals != cookie.npos && cookie.substr(0, equals) == name) {
      return cookie.substr(equals + 1);
    }
  }
  return {};
}

std::string_view bearer_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  authorization = trimmed(authorization);
  if (!same(authorization.substr(0, kScheme.size()), kScheme)) return {};
  return trimmed(authorization.substr(kScheme.size()));
}

bool accepts_encoding(std::string_view value, std::string_view encoding) {
  for (const std::string_view item : list_items(value)) {
    const auto parts = split(item, ';');
    if (parts.empty() || !same(parts.front(), encoding)) continue;
    return std::ranges::none_of(parts.begin() + 1, parts.end(), is_weight_zero);
  }
  return false;
}

bool matches_etag(std::string_view value, std::string_view etag) {
  for (std::string_view item : list_items(value)) {
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == etag || item == "*") return true;
  }
  return false;
}

WantedRange wanted_range(std::string_view value, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  constexpr WantedRange kOutside{.kind = RangeKind::kOutside, .part = {}};
  if (!value.starts_with(kUnit)) return {};
  value.remove_prefix(kUnit.size());
  const std::size_t dash = value.find('-');
  if (dash == value.npos) return {};
  const std::string_view first_text = trimmed(value.substr(0, dash));
  const std::string_view last_text = trimmed(value.substr(dash + 1));
  const auto last = number_of(last_text);
  if (!last_text.empty() && !last) return {};
  if (first_text.empty()) {  // the last so many
    if (!last) return {};
    const std::uint64_t bytes = std::min(*last, size);
    if (bytes == 0) return kOutside;
    return {.kind = RangeKind::kPart, .part = {.offset = size - bytes, .bytes = bytes}};
  }
  const auto first = number_of(first_text);
  if (!first || (last && *last < *first)) return {};
  if (*first >= size) return kOutside;
  const std::uint64_t end = last ? std::min(*last, size - 1) + 1 : size;
  return {.kind = RangeKind::kPart, .part = {.offset = *first, .bytes = end - *first}};
}

std::optional<std::string> path_of(std::string_view target) {
  if (!target.starts_with('/')) return std::nullopt;
  auto path = unescaped(target.substr(0, target.find_first_of("?#")));
  if (!path || path->find('\0') != path->npos) return std::nullopt;
  std::string_view rest = std::string_view(*path).substr(1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, end);
    if (part.empty() || part == "." || part == "..") return std::nullopt;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return path;
}

}  // namespace cairn::web
