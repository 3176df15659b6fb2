#pragma once

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "fsd/base/unique_fd.h"

namespace cairn::vm {

/// A descriptor that is not ours alone, as standard input and output are the shell's, too: read,
/// written and waited for without being held up, and without O_NONBLOCK on what others have.
///
/// A pipe or a terminal is opened anew for that, a socket is asked each time. What cannot be opened
/// anew (a terminal of another user's) gets at most PIPE_BUF when it takes something; a terminal
/// that stops in the middle of that holds us up, a pipe does not, unless others fill it, too. A
/// file is always ready.
/// Lifetime: no callback comes after its end.   Threads: that of the io_context.
class SharedFd {
 public:
  enum class Way : std::uint8_t { kIn, kOut };
  /// Throws boost::system::system_error if the system has no descriptor left.
  SharedFd(boost::asio::io_context& io, int fd, Way way);

  /// Calls when there is something to read, room to write, an end or an error; never from inside.
  void wait(std::function<void()> ready);
  /// As read(2) and write(2); a -1 with EAGAIN: wait.
  [[nodiscard]] ssize_t read(char* bytes, std::size_t size);
  [[nodiscard]] ssize_t write(std::string_view bytes);

 private:
  enum class Kind : std::uint8_t { kOwn, kSocket, kBorrowed };
  [[nodiscard]] bool is_ready() const;

  const Way way_;
  UniqueFd fd_;
  Kind kind_ = Kind::kBorrowed;
  /// A set of one, which can be waited for as what is in it cannot: Asio makes it non-blocking.
  boost::asio::posix::stream_descriptor waiting_;
  bool can_wait_ = false;  // a file is always ready
  /// Goes with us: a callback may be on its way then.
  const std::shared_ptr<char> listening_ = std::make_shared<char>();
};

}  // namespace cairn::vm
