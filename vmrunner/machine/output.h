#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "vmrunner/machine/shared_fd.h"

namespace cairn::vm {

/// Standard output or error: takes what is written at once, and lets it out as its reader takes it.
/// Whoever writes looks at unwritten_bytes() and stops for a while.
/// Lifetime: its callbacks come from inside of write() or from the io_context.
/// Threads: that of the io_context.
class Output {
 public:
  struct Events {
    /// All is written that was not at once.
    std::function<void()> on_drained;
    /// Nothing more can be written, and what was not is dropped: EPIPE, ENOSPC, ... Once.
    std::function<void(int number)> on_failed;
  };
  /// Throws boost::system::system_error if the system has no descriptor left.
  Output(boost::asio::io_context& io, int fd, Events events);

  void write(std::string_view bytes);
  [[nodiscard]] std::size_t unwritten_bytes() const { return unwritten_.size() - written_; }

 private:
  [[nodiscard]] std::size_t write_some(std::string_view bytes);
  void write_later();
  void fail(int number);

  SharedFd fd_;
  const Events events_;
  std::string unwritten_;
  std::size_t written_ = 0;  // of it
  bool failed_ = false;
};

}  // namespace cairn::vm
