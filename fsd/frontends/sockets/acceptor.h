#pragma once

#include <functional>
#include <memory>

#include "fsd/base/unique_fd.h"

namespace boost::asio {
class io_context;
}

namespace cairn::sockets {

/// Takes connections from a listening socket. Without descriptors or memory for another it waits a
/// moment.
/// Lifetime: `on_connected` is kept until close().   Threads: any; `on_connected` is called on the
/// io threads, one at a time, and may still run when close() returns.
class Acceptor {
 public:
  using OnConnected = std::function<void(UniqueFd connected)>;  // close-on-exec, does not block

  /// `listening` does not block.
  Acceptor(boost::asio::io_context& io, UniqueFd listening);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void begin(OnConnected on_connected);
  /// Nobody reaches the socket any more, and another may take its place.
  void close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cairn::sockets
