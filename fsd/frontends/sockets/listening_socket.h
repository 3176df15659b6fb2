#pragma once

#include <cstdint>
#include <string>

#include "fsd/base/result.h"
#include "fsd/base/unique_fd.h"

namespace cairn::sockets {

struct Address {
  std::string host;  // an IP address
  std::uint16_t port = 0;
};

/// A socket on which others may connect; it does not block.
struct ListeningSocket {
  UniqueFd socket;
  std::string name;  // "127.0.0.1:5564", with the port that was chosen if 0 was asked for
};

/// Fails with: EINVAL (the host is no IP address); what the system says, with the address.
Result<ListeningSocket> listen_tcp(const Address& address);

/// Sets an option that is a comfort; that it cannot be set is no reason to refuse anybody.
void set_option(int socket, int level, int name, int value);

/// Of a TCP connection: no delay, and a peer whose machine is gone is noticed after `idle_s`
/// without a sign of it, and three more probes of `probe_s`.
void tune_tcp(int socket, int idle_s, int probe_s);

}  // namespace cairn::sockets
