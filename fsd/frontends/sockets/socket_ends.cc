#include "fsd/frontends/sockets/socket_ends.h"

#include <ifaddrs.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>

#include "fsd/base/unique_fd.h"
#include "fsd/frontends/sockets/tcp_address.h"

namespace cairn::sockets {
namespace {

constexpr const char* kGone = "a local user who has gone already, and whose rights nobody knows";

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
  const auto wanted = address_bytes(address);
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
    found = address_bytes(own) == wanted;
  }
  ::freeifaddrs(all);
  return found;
}

}  // namespace

Result<SocketEnds> find_ends(int socket) {
  SocketEnds ends;
  int family = 0;
  socklen_t length = sizeof family;
  if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0) {
    return errno_error(errno);
  }
  if (family == AF_UNIX) {
    ucred peer{};
    length = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
      return errno_error(errno);
    }
    ends.uid = peer.uid;
    return ends;
  }
  socklen_t our_length = sizeof ends.ours;
  socklen_t their_length = sizeof ends.theirs;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&ends.ours), &our_length) != 0 ||
      ::getpeername(socket, reinterpret_cast<sockaddr*>(&ends.theirs), &their_length) != 0) {
    return errno_error(errno);
  }
  TRY(ends.uid, owner_of(ends.theirs, ends.ours));
  if (!ends.uid && is_own_address(ends.theirs)) return errno_error(EACCES, kGone);
  return ends;
}

}  // namespace cairn::sockets
