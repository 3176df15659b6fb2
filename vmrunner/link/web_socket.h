#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "fsd/base/clock.h"
#include "fsd/base/result.h"
#include "vmrunner/link/socket_url.h"

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace cairn::vm {

/// One connection to a daemon, from its name being looked up to its end. Binary messages alone.
/// Lifetime: shared; it keeps itself until on_end. No callback comes from inside of a call of ours,
/// and none after on_end or abandon().   Threads: that of the io_context.
class WebSocket {
 public:
  struct Options {
    SocketUrl url;
    std::string subprotocol;
    std::string token;    // goes as "Authorization: Bearer"; empty: none
    std::string ca_file;  // whom to believe besides nobody; empty: whom the system believes
    std::size_t message_bytes_max = 2U << 20;
    Duration handshake_timeout = std::chrono::seconds(15);
    /// Half of it without a sign of life: we ask for one; all of it: the connection is dead.
    Duration silence_max = std::chrono::seconds(30);
  };
  /// Why it has ended.
  struct End {
    enum class Kind : std::uint8_t {
      kUnreachable,  // nobody there, or it went away; worth trying again
      kUntrusted,    // TLS: not the server that it should be
      kRefused,      // an answer of HTTP instead of a WebSocket: `http_status`
      kNotOurs,      // a WebSocket, but not of this subprotocol
      kClosed,       // by the server, in order: `close_code`
    };
    Kind kind = Kind::kUnreachable;
    unsigned http_status = 0;
    std::uint16_t close_code = 0;
    std::string text;  // what the system, the server or the library said
    /// One sentence for people, without the address.
    [[nodiscard]] std::string message() const;
  };
  struct Events {
    std::function<void()> on_open;
    std::function<void(std::string message)> on_message;
    std::function<void(End)> on_end;
  };

  /// Fails with: EINVAL (the file of certificates).
  static Result<std::shared_ptr<WebSocket>> connect(boost::asio::io_context& io,
                                                    const Options& options, Events events);
  virtual ~WebSocket() = default;
  /// In order, once it is open.
  virtual void send(std::string message) = 0;
  [[nodiscard]] virtual std::size_t unsent_bytes() const = 0;
  /// After what was sent before. on_end comes within some seconds.
  virtual void close(std::uint16_t code) = 0;
  /// At once, wherever it is, without a word to the peer. Nothing comes any more.
  virtual void abandon() = 0;
};

}  // namespace cairn::vm
