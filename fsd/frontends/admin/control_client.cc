#include "fsd/frontends/admin/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "fsd/base/unique_fd.h"
#include "fsd/frontends/admin/control_server.h"

namespace cairn::admin {
namespace {

Error failed(const std::string& path) {
  const std::error_code code(errno == EAGAIN ? ETIMEDOUT : errno, std::generic_category());
  const bool nobody = errno == ENOENT || errno == ECONNREFUSED;
  if (nobody) {
    return Error(code, "no daemon answers (was it started with another --name?)", path);
  }
  if (code == std::errc::permission_denied) {
    return Error(code, "the daemon answers only root and the user it runs as", path);
  }
  return system_error(code.value(), "the daemon cannot be asked", path);
}

}  // namespace

Result<std::string> ask_daemon(const std::string& path, const std::string& command,
                               Duration patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return failed(path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return failed(path);
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(patience).count();
  const timeval limit{.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return failed(path);
  }
  const std::string line = command + "\n";
  if (::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    return failed(path);
  }
  std::string answer;
  char piece[4096];
  for (;;) {
    const ssize_t got = ::recv(socket.get(), piece, sizeof piece, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path);
    if (got == 0) break;
    answer.append(piece, static_cast<std::size_t>(got));
    if (answer.size() > kAnswerBytesMax) break;
  }
  if (answer.empty() || answer.back() != '\n') {
    errno = EACCES;
    return failed(path);
  }
  answer.pop_back();
  return answer;
}

}  // namespace cairn::admin
