#pragma once

#include <termios.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string>

namespace cairn::vm {

/// Our standard input and output, as a terminal of the guest's: raw, with Ctrl-] for leaving.
/// What it was is what it is again afterwards.   Threads: that of the io_context.
class Terminal {
 public:
  struct Events {
    std::function<void(std::string bytes)> typed;
    std::function<void()> left;   // Ctrl-], each time
    std::function<void()> ended;  // no more input will come
  };
  struct Size {
    unsigned columns = 80;
    unsigned rows = 24;
  };
  Terminal(boost::asio::io_context& io, Events events);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void begin();
  /// On a line of its own, whatever the guest has left there.
  static void say(const std::string& text);
  [[nodiscard]] static Size size();
  [[nodiscard]] static bool is_one();

 private:
  void read_on();

  boost::asio::posix::stream_descriptor input_;
  const Events events_;
  std::string bytes_;
  bool raw_ = false;
  termios before_{};
};

/// All of it, to a descriptor of ours that may be a pipe, a file or a terminal; false: nobody
/// reads.
bool write_out(int fd, std::string_view bytes);

}  // namespace cairn::vm
