#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "fsd/base/random.h"
#include "protocol/resume/client.h"
#include "vmrunner/link/web_socket.h"

namespace cairn::vm {

/// Carries 9P messages to a daemon, for as long as there is one: connects again whenever the
/// connection drops, and lets resume::Client bring the session over what has happened.
/// Lifetime: the callbacks come from inside of its functions or from the io_context; it must not go
/// from inside of one.   Threads: that of the io_context.
class ResumingConnection {
 public:
  struct Options {
    WebSocket::Options socket;  // the subprotocol and the size of messages are filled in here
    resume::Client::Options client = {};
    Duration retry_first = std::chrono::milliseconds(50);  // the first try comes at once
    Duration retry_max = std::chrono::seconds(5);
  };
  struct Events {
    /// A 9P message for the guest.
    std::function<void(std::string message)> reply;
    /// The session is there, for the first time or again.
    std::function<void()> on_up;
    /// The connection has ended, or could not be made; it is tried again, unless stop() is called.
    std::function<void(const WebSocket::End&)> on_down;
  };

  ResumingConnection(boost::asio::io_context& io, Random& random, Options options, Events events);
  ~ResumingConnection();
  ResumingConnection(const ResumingConnection&) = delete;
  ResumingConnection& operator=(const ResumingConnection&) = delete;

  /// Also after stop(). Fails with: EINVAL, and nothing is tried.
  Result<void> start();
  /// A whole 9P request. It waits here as long as there is no connection.
  void request(std::string message) { client_.request(std::move(message)); }
  /// The session is not to be kept; `done` is called when the daemon knows, or does not answer,
  /// with which of the two.
  void finish(std::function<void(bool told)> done);
  /// Tries no more; without a word to the daemon, which keeps the session for the grace time.
  void stop();
  /// As if the cable had been pulled, for tests.
  void drop();

  [[nodiscard]] const resume::Client& client() const { return client_; }
  [[nodiscard]] bool is_up() const { return client_.is_connected(); }

 private:
  Result<void> connect();
  void on_open();
  void on_message(const std::string& message);
  void on_end(const WebSocket::End& end);
  void connect_later();
  [[nodiscard]] Duration next_pause();

  boost::asio::io_context& io_;
  Random& random_;
  Options options_;
  const Events events_;
  resume::Client client_;
  std::shared_ptr<WebSocket> socket_;
  boost::asio::steady_timer retry_;
  Duration pause_{};
  std::function<void(bool)> finished_;
  bool stopped_ = false;
};

}  // namespace cairn::vm
