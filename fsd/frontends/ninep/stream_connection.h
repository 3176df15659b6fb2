#pragma once

#include <functional>
#include <memory>

#include "fsd/base/unique_fd.h"
#include "fsd/frontends/ninep/session.h"

namespace boost::asio {
class io_context;
}

namespace cairn::p9 {

/// A Session on a connected stream socket. It keeps itself alive until the peer or stop() ends it.
/// Threads: begin() and stop() on any; `on_end` is called once, in the core, when the session holds
/// nothing any more.
class StreamConnection {
 public:
  /// `socket` does not block.
  StreamConnection(boost::asio::io_context& io, UniqueFd socket, Door& door, const Export& exported,
                   Peer peer, std::function<void()> on_end);
  ~StreamConnection();
  StreamConnection(const StreamConnection&) = delete;
  StreamConnection& operator=(const StreamConnection&) = delete;

  void begin();
  /// Ends the connection; requests under way are cancelled.
  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cairn::p9
