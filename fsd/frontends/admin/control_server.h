#pragma once

#include <functional>
#include <memory>
#include <string>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/runtime/strand.h"

namespace boost::asio {
class io_context;
}

namespace cairn::admin {

/// Answers commands on a Unix socket: one line in, one line out, then the connection ends. Root and
/// the daemon's own user are let in, as the kernel names them (SO_PEERCRED).
/// Lifetime: stop() before the io_context ends.   Threads: start and stop on any one thread; the
/// handler runs in the core.
class ControlServer {
 public:
  /// Answers with one line of text, without the line's end.
  using Handler = std::function<Task<std::string>(std::string command)>;

  /// Makes the socket's directory, and takes the place of a socket that nobody listens on.
  /// Fails with: EADDRINUSE if a daemon answers there; what the system says.
  static Result<std::unique_ptr<ControlServer>> start(boost::asio::io_context& io, Strand& core,
                                                      std::string path, Handler handler);
  ~ControlServer();
  /// Removes the socket. Answers still under way are dropped.
  void stop();

 private:
  struct Listener;
  explicit ControlServer(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  std::shared_ptr<Listener> listener_;
};

/// Longest command, and longest answer.
inline constexpr std::size_t kCommandBytesMax = 4096;
inline constexpr std::size_t kAnswerBytesMax = 16U << 20;

}  // namespace cairn::admin
