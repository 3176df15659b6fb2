#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/frontends/ninep/identity.h"

struct sockaddr_storage;

namespace cairn::p9 {

/// A range of IPv4 or IPv6 addresses, as "10.0.0.0/8" or "fd00::/8"; IPv4 addresses in IPv6 clothes
/// count as IPv4.
class Network {
 public:
  /// Fails with: EINVAL.
  static Result<Network> parse(const std::string& text);
  [[nodiscard]] bool contains(const sockaddr_storage& address) const;

 private:
  std::vector<std::uint8_t> address_;  // 4 or 16 bytes
  unsigned prefix_bits_ = 0;
};

/// Who may connect.
struct AccessRules {
  std::vector<Network> networks;            // whose machines are trusted
  std::vector<std::uint32_t> trusted_uids;  // of local users who may be anybody, besides root
};

/// Who is at the other end of this connected Unix or TCP socket. A user of this machine is known by
/// the kernel (SO_PEERCRED, sock_diag), whichever address he came by.
/// Fails with: EACCES (he may not connect), what the system says. Does not block.
Result<Peer> identify_peer(int socket, const AccessRules& rules);

}  // namespace cairn::p9
