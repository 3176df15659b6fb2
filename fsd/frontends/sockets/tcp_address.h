#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::sockets {

/// The address's bytes: 4, or 16; none for other families. IPv4 in IPv6 clothes counts as IPv4.
[[nodiscard]] std::vector<std::uint8_t> address_bytes(const sockaddr_storage& address);
[[nodiscard]] std::uint16_t port_of(const sockaddr_storage& address);
/// "10.0.0.7" or "fd00::7", without a port.
[[nodiscard]] std::string host_text(const sockaddr_storage& address);
/// "10.0.0.7:1022" or "[fd00::7]:1022".
[[nodiscard]] std::string to_text(const sockaddr_storage& address);

}  // namespace cairn::sockets
