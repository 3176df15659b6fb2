#pragma once

#include <termios.h>

#include <functional>
#include <string>
#include <string_view>

#include "vmrunner/machine/shared_fd.h"
#include "vmrunner/machine/streams.h"

namespace cairn::vm {

/// Our standard input and output, as a terminal of the guest's: raw, with Ctrl-] for leaving.
/// What it was is what it is again afterwards.   Threads: that of the io_context.
class Terminal {
 public:
  struct Events {
    /// If it is no terminal, nothing more is read until read_on().
    std::function<void(std::string bytes, bool is_terminal)> typed;
    std::function<void(std::string_view bytes)> show;
    std::function<void()> left;  // Ctrl-], each time
    /// No more input will come: the terminal is gone, or a file is at its end.
    std::function<void(bool is_terminal)> ended;
  };
  struct Size {
    unsigned columns = 80;
    unsigned rows = 24;
  };
  /// Throws boost::system::system_error if the system has no descriptor left.
  Terminal(boost::asio::io_context& io, const Streams& streams, Events events);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void begin();
  void read_on();
  [[nodiscard]] static Size size(const Streams& streams);
  [[nodiscard]] static bool is_one(const Streams& streams);

 private:
  void on_input();

  const Streams streams_;
  SharedFd input_;
  const Events events_;
  std::string bytes_;
  bool raw_ = false;
  termios before_{};
};

}  // namespace cairn::vm
