#include "fsd/frontends/web/authority.h"

#include <algorithm>
#include <charconv>

#include "fsd/frontends/web/header_values.h"

namespace cairn::web {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}
bool is_address_character(char c) {
  return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

bool is_host(std::string_view host) {
  if (!host.starts_with('[')) return !host.empty() && std::ranges::all_of(host, is_name_character);
  return host.size() > 2 && host.ends_with(']') &&
         std::ranges::all_of(host.substr(1, host.size() - 2), is_address_character);
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  Authority authority;
  const std::size_t colon = text.rfind(':');
  const bool has_port = colon != text.npos && text.find(']', colon) == text.npos;
  if (has_port) {
    const std::string_view digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    authority.port = port;
    text = text.substr(0, colon);
  }
  authority.host = lower_case(text);
  if (!is_host(authority.host)) return std::nullopt;
  return authority;
}

std::optional<WebOrigin> parse_origin(std::string_view text) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  WebOrigin origin{.is_https = text.starts_with(kHttps), .authority = {}};
  if (!origin.is_https && !text.starts_with(kHttp)) return std::nullopt;
  text.remove_prefix(origin.is_https ? kHttps.size() : kHttp.size());
  auto authority = parse_authority(text);
  if (!authority) return std::nullopt;
  origin.authority = *std::move(authority);
  if (!origin.authority.port) origin.authority.port = origin.is_https ? kHttpsPort : kHttpPort;
  return origin;
}

}  // namespace cairn::web
