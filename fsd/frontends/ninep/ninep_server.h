#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/frontends/ninep/door.h"
#include "fsd/frontends/ninep/socket_peer.h"
#include "fsd/frontends/sockets/listening_socket.h"
#include "fsd/runtime/message_socket.h"

namespace boost::asio {
class io_context;
}

namespace cairn::p9 {

/// Serves the core to clients of 9P2000.L, over TCP and Unix sockets of its own, and over
/// connections of others (WebSockets) that carry whole messages.
/// Lifetime: stop() must have returned before the runtime stops or the Vfs goes.
/// Threads: start and stop on any one thread outside of the core, which they may block; the
/// listener is called in the core.
class NinepServer {
 public:
  /// One [[servers.ninep]].
  struct Listener {
    std::vector<sockets::Address> addresses;
    std::string unix_socket;                       // a path; empty for none
    std::uint32_t unix_socket_mode = 0666;         // who may be whom is decided by the peer's uid
    std::optional<std::uint32_t> unix_socket_uid;  // empty: the daemon's
    std::optional<std::uint32_t> unix_socket_gid;
    AccessRules access;
    Export exported;
  };
  struct Options {
    std::vector<Listener> listeners;
    Export message_export;  // for clients that accept() brings
    /// Their sessions may resume; an earlier daemon's are waited for this long. 0: none may.
    Duration resume_grace{};
    std::uint64_t first_client = 0;  // Caller::client of the first session
    std::size_t connections_max = 256;
    Limits limits;
    /// Awaited, in the core, before a request that has changed something is answered; may be empty.
    std::function<Task<>()> settle{};
  };

  /// Fails with: what the system says of an address, with the address.
  static Result<std::unique_ptr<NinepServer>> start(Runtime& runtime, boost::asio::io_context& io,
                                                    vfs::Vfs& vfs, Options options);
  ~NinepServer();
  /// Serves a client on a connection that another door has accepted, and answers for; in the core.
  /// Null: there are too many already, or the server stops.
  std::shared_ptr<MessageSocket::User> accept(std::shared_ptr<MessageSocket> socket, Peer peer);
  /// The same for one that speaks cairn.resume.v1. Only with Options::resume_grace.
  std::shared_ptr<MessageSocket::User> accept_resumable(std::shared_ptr<MessageSocket> socket,
                                                        Peer peer);
  /// Takes no more connections, ends those there are, and waits until they hold nothing any more.
  void stop();

  /// To be told of all changes, of all doors.
  [[nodiscard]] vfs::ChangeListener& listener();
  /// "127.0.0.1:5564" for each socket; with the port that was chosen if 0 was asked for.
  [[nodiscard]] std::vector<std::string> addresses() const;
  [[nodiscard]] std::size_t connections() const;

 private:
  class Impl;
  explicit NinepServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace cairn::p9
