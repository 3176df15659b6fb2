#include "vmrunner/machine/shared_fd.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <string>

namespace cairn::vm {
namespace {

[[noreturn]] void give_up() {
  throw boost::system::system_error(errno, boost::system::system_category());
}

/// The same pipe or terminal, with flags of its own; none: it is neither, or not to be opened.
UniqueFd open_anew(int fd, mode_t mode, SharedFd::Way way) {
  if (!S_ISFIFO(mode) && isatty(fd) == 0) return {};
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const int access = way == SharedFd::Way::kIn ? O_RDONLY : O_WRONLY;
  return UniqueFd(open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

ssize_t not_now() {
  errno = EAGAIN;
  return -1;
}

}  // namespace

SharedFd::SharedFd(boost::asio::io_context& io, int fd, Way way) : way_(way), waiting_(io) {
  struct stat found{};
  if (fstat(fd, &found) == 0) {
    if (S_ISSOCK(found.st_mode)) kind_ = Kind::kSocket;
    fd_ = open_anew(fd, found.st_mode, way);
  }
  if (fd_) {
    kind_ = Kind::kOwn;
  } else {
    fd_ = UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  }
  UniqueFd set(epoll_create1(EPOLL_CLOEXEC));
  if (!set) give_up();
  epoll_event event{.events = static_cast<std::uint32_t>(way == Way::kIn ? EPOLLIN : EPOLLOUT),
                    .data = {}};
  can_wait_ = fd_ && epoll_ctl(set.get(), EPOLL_CTL_ADD, fd_.get(), &event) == 0;
  waiting_.assign(set.release());
}

void SharedFd::wait(std::function<void()> ready) {
  const auto call = [listening = std::weak_ptr(listening_), ready = std::move(ready)] {
    if (!listening.expired()) ready();
  };
  if (!can_wait_) return boost::asio::post(waiting_.get_executor(), call);
  waiting_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [call](const boost::system::error_code& error) {
                        if (!error) call();
                      });
}

bool SharedFd::is_ready() const {
  const short events = way_ == Way::kIn ? POLLIN : POLLOUT;
  pollfd one{.fd = fd_.get(), .events = events, .revents = 0};
  return ::poll(&one, 1, 0) != 0;
}

ssize_t SharedFd::read(char* bytes, std::size_t size) {
  if (kind_ == Kind::kSocket) return ::recv(fd_.get(), bytes, size, MSG_DONTWAIT);
  if (kind_ == Kind::kBorrowed && can_wait_ && !is_ready()) return not_now();
  return ::read(fd_.get(), bytes, size);
}

ssize_t SharedFd::write(std::string_view bytes) {
  if (kind_ == Kind::kSocket) {
    return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (kind_ == Kind::kBorrowed && can_wait_) {
    if (!is_ready()) return not_now();
    bytes = bytes.substr(0, PIPE_BUF);
  }
  return ::write(fd_.get(), bytes.data(), bytes.size());
}

}  // namespace cairn::vm
