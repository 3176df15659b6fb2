#include "fsd/frontends/sockets/listening_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "fsd/frontends/sockets/tcp_address.h"

namespace cairn::sockets {
namespace {

constexpr int kProbes = 3;

}  // namespace

void set_option(int socket, int level, int name, int value) {
  static_cast<void>(::setsockopt(socket, level, name, &value, sizeof value));
}

void tune_tcp(int socket, int idle_s, int probe_s) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, probe_s);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, (idle_s + kProbes * probe_s) * 1000);
}

Result<ListeningSocket> listen_tcp(const Address& address) {
  const auto& [host, port] = address;
  sockaddr_storage where{};
  socklen_t length = 0;
  const bool is_six = host.find(':') != host.npos;
  const std::string name = (is_six ? '[' + host + ']' : host) + ':' + std::to_string(port);
  auto& four = reinterpret_cast<sockaddr_in&>(where);
  auto& six = reinterpret_cast<sockaddr_in6&>(where);
  if (inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    length = sizeof four;
  } else if (inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    length = sizeof six;
  } else {
    return system_error(EINVAL, "to listen takes an IP address", name);
  }
  UniqueFd socket(::socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error(errno, "no socket", name);
  set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), length) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&where), &length) != 0) {
    return system_error(errno, "cannot listen there", name);
  }
  return ListeningSocket{std::move(socket), to_text(where)};
}

}  // namespace cairn::sockets
