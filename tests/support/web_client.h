#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fsd/base/unique_fd.h"

namespace cairn::testing {

/// A client of HTTP and WebSockets that blocks and does as it is told, wrong things too. Everything
/// fails after some seconds of silence.
class WebClient {
 public:
  struct Reply {
    int status = 0;  // 0: the server has closed the connection
    std::string head;
    std::string body;
    /// The value of a header, whose name is written as the server writes it; empty if there is
    /// none.
    [[nodiscard]] std::string header(const std::string& name) const;
  };
  struct Frame {
    unsigned opcode = 0;
    std::string payload;
    /// Of a close frame.
    [[nodiscard]] unsigned close_code() const;
  };
  static constexpr unsigned kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9,
                            kPong = 10;

  /// To a server on 127.0.0.1.
  explicit WebClient(std::uint16_t port, int receive_buffer_bytes = 0);

  void send(std::string_view bytes);
  /// `headers` are whole lines. With a Host of its own unless they name one.
  Reply ask(const std::string& method, const std::string& target, const std::string& headers = "",
            const std::string& body = "");
  /// The answer to what was sent; `has_body` is false for HEAD.
  Reply receive_reply(bool has_body = true);
  /// The answer to a request for a WebSocket.
  Reply upgrade(const std::string& target, const std::string& headers = "");

  void send_frame(unsigned opcode, std::string_view payload, bool is_last = true);
  /// None: the server has closed the connection.
  std::optional<Frame> receive_frame();
  /// The next frame that is no ping; each ping is answered.
  std::optional<Frame> receive_message();
  void close() { socket_ = UniqueFd(); }
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  bool fill();
  std::optional<std::string> take(std::size_t count);

  UniqueFd socket_;
  std::uint16_t port_;
  std::string received_;
};

}  // namespace cairn::testing
