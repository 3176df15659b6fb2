#include "vmrunner/machine/host_ports.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "fsd/base/unique_fd.h"

namespace cairn::vm {

Result<std::uint16_t> find_free_port(std::uint16_t wanted) {
  const UniqueFd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;  // as QEMU does: connections of before do not matter
  setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(wanted);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(probe.get(), generic, size) != 0 || listen(probe.get(), 1) != 0 ||
      getsockname(probe.get(), generic, &size) != 0) {
    return system_error(errno, "this machine's port cannot be had", std::to_string(wanted));
  }
  return ntohs(address.sin_port);
}

}  // namespace cairn::vm
