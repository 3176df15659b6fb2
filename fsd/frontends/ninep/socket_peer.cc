#include "fsd/frontends/ninep/socket_peer.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "fsd/frontends/sockets/socket_ends.h"
#include "fsd/frontends/sockets/tcp_address.h"

namespace cairn::p9 {
namespace {

Peer local_user(std::uint32_t uid, const AccessRules& rules) {
  const bool trusted = uid == 0 || uid == geteuid() ||
                       std::ranges::find(rules.trusted_uids, uid) != rules.trusted_uids.end();
  return {.trusted = trusted, .uid = uid, .name = fmt::format("local user {}", uid)};
}

}  // namespace

Result<Network> Network::parse(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  Network network;
  network.address_.resize(16);
  if (inet_pton(AF_INET, address.c_str(), network.address_.data()) == 1) {
    network.address_.resize(4);
  } else if (inet_pton(AF_INET6, address.c_str(), network.address_.data()) != 1) {
    return system_error(EINVAL, "not an IP address or a network such as 10.0.0.0/8", text);
  }
  network.prefix_bits_ = static_cast<unsigned>(network.address_.size() * 8);
  if (slash == std::string::npos) return network;
  const char* begin = text.data() + slash + 1;
  const char* end = text.data() + text.size();
  unsigned bits = 0;
  const auto [stop, error] = std::from_chars(begin, end, bits);
  if (error != std::errc() || stop != end || bits > network.prefix_bits_) {
    return system_error(EINVAL, "not an IP address or a network such as 10.0.0.0/8", text);
  }
  network.prefix_bits_ = bits;
  return network;
}

bool Network::contains(const sockaddr_storage& address) const {
  const auto bytes = sockets::address_bytes(address);
  if (bytes.size() != address_.size()) return false;
  const std::size_t whole = prefix_bits_ / 8;
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  address_.begin())) {
    return false;
  }
  const unsigned rest = prefix_bits_ % 8;
  return rest == 0 || (bytes[whole] ^ address_[whole]) >> (8 - rest) == 0;
}

Result<Peer> identify_peer(int socket, const AccessRules& rules) {
  TRY(const sockets::SocketEnds ends, sockets::find_ends(socket));
  if (ends.uid) return local_user(*ends.uid, rules);
  const std::string name = sockets::to_text(ends.theirs);
  for (const Network& network : rules.networks) {
    if (network.contains(ends.theirs)) return Peer{.trusted = true, .uid = kNobody, .name = name};
  }
  return system_error(EACCES, "no network that servers.ninep.allow names", name);
}

}  // namespace cairn::p9
