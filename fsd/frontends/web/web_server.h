#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/frontends/sockets/listening_socket.h"
#include "fsd/frontends/web/limits.h"
#include "fsd/frontends/web/site.h"

namespace boost::asio {
class io_context;
}

namespace cairn::web {

/// Serves a Site over HTTP, and the WebSockets that it lets in.
/// Lifetime: stop() must have returned before the runtime stops, or what the routes call goes.
/// Threads: start and stop on any one thread outside of the core, which they may block; the getters
/// on any.
class WebServer {
 public:
  struct Options {
    std::vector<sockets::Address> addresses;
    /// How to listen; tests have an opinion on which addresses a machine has.
    std::function<Result<sockets::ListeningSocket>(const sockets::Address&)> listen =
        sockets::listen_tcp;
    Site::Options site;
    Limits limits;
  };

  /// Fails with: what the system says of an address, with the address.
  static Result<std::unique_ptr<WebServer>> start(Runtime& runtime, boost::asio::io_context& io,
                                                  Options options);
  ~WebServer();
  /// Takes no more connections, ends those there are, and waits until they have ended, and the
  /// users of their WebSockets know.
  void stop();

  /// "127.0.0.1:8080" for each address; with the port that was chosen if 0 was asked for.
  [[nodiscard]] std::vector<std::string> addresses() const;
  [[nodiscard]] std::size_t connections() const;

 private:
  class Impl;
  explicit WebServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace cairn::web
