#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "fsd/base/result.h"

namespace cairn::sockets {

/// Both ends of a connected Unix or TCP socket.
struct SocketEnds {
  /// The user of this machine at the other end, as the kernel says (SO_PEERCRED, sock_diag),
  /// whichever address he came by; none: another machine is there.
  std::optional<std::uint32_t> uid;
  sockaddr_storage ours{};    // of TCP
  sockaddr_storage theirs{};  // of TCP
};

/// Fails with: EACCES, if whoever is at the other end is of this machine and has closed it already,
/// so that nobody knows whose it was; what the system says. Does not block.
Result<SocketEnds> find_ends(int socket);

}  // namespace cairn::sockets
