#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "vmrunner/link/session_records.h"
#include "vmrunner/link/web_socket.h"

namespace cairn::vm {

/// Ends sessions at a daemon whose runners are gone, one after the other: what they had locked is
/// free then. A daemon that does not answer is not asked again; its sessions stay recorded.
/// Lifetime: `done` comes from the io_context, once, and not after the end of this.
/// Threads: that of the io_context.
class SessionEnder {
 public:
  struct Options {
    WebSocket::Options socket;  // the subprotocol is filled in here
    Duration answer_max = std::chrono::seconds(5);
  };
  SessionEnder(boost::asio::io_context& io, Options options, std::vector<SessionRecords::Left> left,
               std::function<void()> done);
  ~SessionEnder();
  SessionEnder(const SessionEnder&) = delete;
  SessionEnder& operator=(const SessionEnder&) = delete;

  void start();

 private:
  void end_next();
  void on_end(const WebSocket::End& end);
  void finish();

  boost::asio::io_context& io_;
  Options options_;
  std::vector<SessionRecords::Left> left_;
  std::function<void()> done_;
  std::shared_ptr<WebSocket> socket_;
  boost::asio::steady_timer timer_;
};

}  // namespace cairn::vm
