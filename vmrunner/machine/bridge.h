#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <set>

#include "vmrunner/link/resuming_connection.h"

namespace cairn::vm {

/// What the guest's kernel speaks 9P to: a port on loopback, which QEMU's network makes reachable
/// for the guest. Only our own user may connect. Each connection becomes a session with the daemon.
/// Lifetime: finish() should have ended first.   Threads: that of the io_context.
class Bridge {
 public:
  struct Events {
    std::function<void()> on_up;
    std::function<void(const WebSocket::End&)> on_down;
  };
  /// Throws boost::system::system_error if it cannot listen.
  Bridge(boost::asio::io_context& io, Random& random, ResumingConnection::Options options,
         Events events);
  ~Bridge();
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  /// Begins the session of the guest's first connection, before that is there.
  /// Fails with: EINVAL.
  Result<void> start();
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// Ends all sessions; `done` is called when the daemon knows of it, or does not answer.
  void finish(std::function<void()> done);
  /// What the sessions have gone through, all of them together.
  [[nodiscard]] resume::Client::Counts counts() const;

 private:
  class Session;
  void accept();
  std::shared_ptr<Session> make();
  void on_finished(const std::shared_ptr<Session>& session);

  boost::asio::io_context& io_;
  Random& random_;
  const ResumingConnection::Options options_;
  const Events events_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::set<std::shared_ptr<Session>> sessions_;
  std::shared_ptr<Session> next_;  // has no connection of the guest's yet
  std::function<void()> done_;
};

}  // namespace cairn::vm
