#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::web {

/// A host and perhaps a port, as in a Host header: "cairn.example.org", "127.0.0.1:8080",
/// "[::1]:8080".
struct Authority {
  std::string host;  // in lower case; IPv6 addresses with their brackets
  std::optional<std::uint16_t> port;
  bool operator==(const Authority&) const = default;
};

/// None for what is no host with or without a port.
[[nodiscard]] std::optional<Authority> parse_authority(std::string_view text);

/// "https://cairn.example.org" or "http://127.0.0.1:8080": where a page came from. Its port is
/// always there.
struct WebOrigin {
  bool is_https = false;
  Authority authority;
  bool operator==(const WebOrigin&) const = default;
};

/// None for what is no such origin, "null" among it.
[[nodiscard]] std::optional<WebOrigin> parse_origin(std::string_view text);

}  // namespace cairn::web
