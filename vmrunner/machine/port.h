#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace cairn::vm {

/// One serial device of the machine, from the outside: a Unix socket that QEMU connects to.
/// Lifetime: shared; it keeps itself while it is open.   Threads: that of the io_context.
class Port : public std::enable_shared_from_this<Port> {
 public:
  using OnData = std::function<void(std::string_view bytes)>;

  /// Throws boost::system::system_error if the socket cannot be made.
  Port(boost::asio::io_context& io, const std::string& path, OnData on_data);
  void begin();
  /// In order; before QEMU has come, too. `on_sent` (may be empty) once it has taken all of it.
  void send(std::string bytes, std::function<void()> on_sent = {});
  /// After what was sent: a reader in the guest finds the end.
  void end_of_input();
  /// What has come and was not read yet is given to on_data on the spot, unless it pauses.
  void drain();
  /// Nothing is read until resume(): QEMU holds up what the guest sends there, or, of a console,
  /// drops it.
  void pause() { paused_ = true; }
  void resume();
  void close();
  /// What was sent and QEMU has not taken yet.
  [[nodiscard]] std::size_t unsent_bytes() const { return unsent_bytes_; }

 private:
  using Socket = boost::asio::local::stream_protocol::socket;
  void read_on();
  [[nodiscard]] bool read_some();
  void write_on();

  boost::asio::local::stream_protocol::acceptor acceptor_;
  Socket socket_;
  OnData on_data_;
  std::string incoming_;
  struct Piece {
    std::string bytes;
    std::function<void()> on_sent;
  };
  std::deque<Piece> outgoing_;
  std::size_t unsent_bytes_ = 0;
  bool connected_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool paused_ = false;
  bool ends_ = false;
};

}  // namespace cairn::vm
