#include "fsd/frontends/sockets/tcp_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace cairn::sockets {

std::vector<std::uint8_t> address_bytes(const sockaddr_storage& address) {
  const auto copy = [](const void* bytes, std::size_t count) {
    const auto* begin = static_cast<const std::uint8_t*>(bytes);
    return std::vector<std::uint8_t>(begin, begin + count);
  };
  if (address.ss_family == AF_INET) {
    return copy(&reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
  }
  if (address.ss_family != AF_INET6) return {};
  const in6_addr& six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&six)) return copy(six.s6_addr + 12, 4);
  return copy(six.s6_addr, 16);
}

std::uint16_t port_of(const sockaddr_storage& address) {
  return ntohs(address.ss_family == AF_INET
                   ? reinterpret_cast<const sockaddr_in&>(address).sin_port
                   : reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
}

std::string host_text(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  const auto bytes = address_bytes(address);
  if (!bytes.empty()) {
    inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  }
  return text;
}

std::string to_text(const sockaddr_storage& address) {
  const std::string host = host_text(address);
  const bool is_six = host.find(':') != host.npos;
  return (is_six ? '[' + host + ']' : host) + ':' + std::to_string(port_of(address));
}

}  // namespace cairn::sockets
