#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fsd/base/result.h"

namespace cairn::config {

/// Where a server listens.
struct ListenAddress {
  std::string host;        // an IPv4 or IPv6 address without brackets, or "localhost"
  std::uint16_t port = 0;  // 0: any free one

  [[nodiscard]] std::string text() const;
  /// True if nobody reaches it but this machine.
  [[nodiscard]] bool is_loopback() const;
  bool operator==(const ListenAddress&) const = default;
};

/// "127.0.0.1:5564", "[::1]:5564" or "localhost:5564".
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

/// "10.0.0.0/8", "fd00::/8", or one address.
[[nodiscard]] bool is_network(std::string_view text);

/// "cairn.example.org", with or without a port; an address, if IPv6, in brackets.
[[nodiscard]] bool is_web_host(std::string_view text);
/// "https://" or "http://", and such a host.
[[nodiscard]] bool is_web_origin(std::string_view text);

}  // namespace cairn::config
