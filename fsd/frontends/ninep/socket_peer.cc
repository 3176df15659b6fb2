#include "fsd/frontends/ninep/socket_peer.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "fsd/base/bytes.h"
#include "fsd/base/unique_fd.h"

namespace cairn::p9 {
namespace {

constexpr const char* kGone = "a local user who has gone already, and whose rights nobody knows";

/// The address's bytes: 4, or 16; none for other families.
std::vector<std::uint8_t> bytes_of(const sockaddr_storage& address) {
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

std::string text_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  const auto bytes = bytes_of(address);
  if (!bytes.empty()) {
    inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  }
  const auto port = address.ss_family == AF_INET
                        ? reinterpret_cast<const sockaddr_in&>(address).sin_port
                        : reinterpret_cast<const sockaddr_in6&>(address).sin6_port;
  return fmt::format("{}:{}", text, ntohs(port));
}

void put_end(const sockaddr_storage& address, __be16& port, __be32 (&where)[4]) {
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    port = four.sin_port;
    std::memcpy(where, &four.sin_addr, sizeof four.sin_addr);
  } else {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
    port = six.sin6_port;
    std::memcpy(where, &six.sin6_addr, sizeof six.sin6_addr);
  }
}

/// The uid of the local socket that is bound to `local` and connected to `remote`; none if there is
/// no such socket on this machine (in this network namespace).
/// Fails with: EACCES, if its owner has closed it. The kernel has forgotten then who that was, and
/// says root: who sends his requests and is gone before they are read must not be taken for that.
Result<std::optional<std::uint32_t>> owner_of(const sockaddr_storage& local,
                                              const sockaddr_storage& remote) {
  constexpr std::optional<std::uint32_t> nobody;
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink) return nobody;
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.request.sdiag_family = static_cast<std::uint8_t>(local.ss_family);
  question.request.sdiag_protocol = IPPROTO_TCP;
  question.request.idiag_states = ~0U;
  question.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  question.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  put_end(local, question.request.id.idiag_sport, question.request.id.idiag_src);
  put_end(remote, question.request.id.idiag_dport, question.request.id.idiag_dst);
  if (::send(netlink.get(), &question, sizeof question, 0) != sizeof question) return nobody;
  // The kernel has answered by the time that send() returns.
  alignas(nlmsghdr) char answer[512];
  const ssize_t length = ::recv(netlink.get(), answer, sizeof answer, MSG_DONTWAIT);
  if (length < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg)))) return nobody;
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
  if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) return nobody;
  const auto* found = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
  if (found->idiag_inode == 0 || found->idiag_state == TCP_SYN_SENT) {
    return errno_error(EACCES, kGone);
  }
  return std::optional(found->idiag_uid);
}

/// Is this one of the machine's own addresses?
bool is_own_address(const sockaddr_storage& address) {
  const auto wanted = bytes_of(address);
  if (wanted.size() == 4 && wanted[0] == IN_LOOPBACKNET) return true;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return true;  // nobody is trusted on a guess
  bool found = false;
  for (const ifaddrs* one = all; one != nullptr && !found; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    sockaddr_storage own{};
    if (one->ifa_addr->sa_family == AF_INET) std::memcpy(&own, one->ifa_addr, sizeof(sockaddr_in));
    if (one->ifa_addr->sa_family == AF_INET6) {
      std::memcpy(&own, one->ifa_addr, sizeof(sockaddr_in6));
    }
    found = bytes_of(own) == wanted;
  }
  ::freeifaddrs(all);
  return found;
}

Peer local_user(std::uint32_t uid, const AccessRules& rules) {
  const bool trusted = uid == 0 || uid == geteuid() ||
                       std::ranges::find(rules.trusted_uids, uid) != rules.trusted_uids.end();
  return {.trusted = trusted, .uid = uid, .name = fmt::format("local user {}", uid)};
}

Result<Peer> identify_tcp_peer(int socket, const AccessRules& rules) {
  sockaddr_storage ours{};
  sockaddr_storage theirs{};
  socklen_t our_length = sizeof ours;
  socklen_t their_length = sizeof theirs;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&ours), &our_length) != 0 ||
      ::getpeername(socket, reinterpret_cast<sockaddr*>(&theirs), &their_length) != 0) {
    return errno_error(errno);
  }
  TRY(const auto uid, owner_of(theirs, ours));
  if (uid) return local_user(*uid, rules);
  if (is_own_address(theirs)) return errno_error(EACCES, kGone);
  const std::string name = text_of(theirs);
  for (const Network& network : rules.networks) {
    if (network.contains(theirs)) return Peer{.trusted = true, .uid = kNobody, .name = name};
  }
  return system_error(EACCES, "no network that servers.ninep.allow names", name);
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
  const auto bytes = bytes_of(address);
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
  int family = 0;
  socklen_t length = sizeof family;
  if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0) {
    return errno_error(errno);
  }
  if (family != AF_UNIX) return identify_tcp_peer(socket, rules);
  ucred peer{};
  length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    return errno_error(errno);
  }
  return local_user(peer.uid, rules);
}

}  // namespace cairn::p9
