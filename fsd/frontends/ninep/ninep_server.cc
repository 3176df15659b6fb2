#include "fsd/frontends/ninep/ninep_server.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <unordered_map>

#include "fsd/base/log.h"
#include "fsd/frontends/ninep/message_session.h"
#include "fsd/frontends/ninep/session_registry.h"
#include "fsd/frontends/ninep/stream_connection.h"
#include "fsd/frontends/ninep/system_users.h"
#include "fsd/frontends/sockets/acceptor.h"
#include "fsd/runtime/blocking.h"

namespace cairn::p9 {
namespace {

/// A client whose machine is gone keeps its locks for about a minute and a half.
constexpr int kKeepAliveAfterS = 60;
constexpr int kKeepAliveEveryS = 10;

constexpr Duration kBetweenRefusalsTold = std::chrono::seconds(1);
constexpr const char* kStopping = "the daemon is stopping";

/// Takes the place of a socket that nobody listens on.
Result<void> clear_unix_path(const sockaddr_un& where) {
  struct stat found{};
  if (::lstat(where.sun_path, &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) {
    return system_error(EEXIST, "servers.ninep.unix_socket is the path of something else",
                        where.sun_path);
  }
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0) {
    return system_error(EADDRINUSE, "somebody listens on servers.ninep.unix_socket",
                        where.sun_path);
  }
  ::unlink(where.sun_path);
  return {};
}

Result<sockets::ListeningSocket> listen_unix(const NinepServer::Listener& listener) {
  const std::string& path = listener.unix_socket;
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.size() >= sizeof where.sun_path) {
    return system_error(ENAMETOOLONG, "servers.ninep.unix_socket is too long", path);
  }
  path.copy(where.sun_path, path.size());
  TRY_OK(clear_unix_path(where));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error(errno, "no socket for 9P", path);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 ||
      ::chmod(path.c_str(), listener.unix_socket_mode) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0) {
    return system_error(errno, "9P cannot listen there", path);
  }
  if (::lchown(path.c_str(), listener.unix_socket_uid.value_or(static_cast<uid_t>(-1)),
               listener.unix_socket_gid.value_or(static_cast<gid_t>(-1))) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return system_error(error, "servers.ninep.unix_socket cannot be given to its owner", path);
  }
  return sockets::ListeningSocket{std::move(socket), path};
}

}  // namespace

class NinepServer::Impl : public std::enable_shared_from_this<Impl>, public vfs::ChangeListener {
 public:
  Impl(Runtime& runtime, boost::asio::io_context& io, vfs::Vfs& vfs, Options options)
      : runtime_(runtime),
        io_(io),
        options_(std::move(options)),
        users_(runtime),
        door_{.vfs = vfs,
              .runtime = runtime,
              .users = users_,
              .limits = options_.limits,
              .settle = options_.settle,
              .next_client = options_.first_client} {}

  Result<void> start();
  void stop();
  std::shared_ptr<MessageSocket::User> accept(std::shared_ptr<MessageSocket> socket, Peer peer,
                                              bool resumable);
  std::vector<std::string> names() const;
  std::size_t connections() const;

  void on_entry_changed(Ino parent, std::string_view, std::uint64_t origin) override {
    door_.versions.on_changed(parent, origin);
  }
  void on_attributes_changed(Ino ino, std::uint64_t origin) override {
    door_.versions.on_changed(ino, origin);
  }
  void on_data_changed(Ino ino, std::uint64_t, std::uint64_t, std::uint64_t origin) override {
    door_.versions.on_changed(ino, origin);
  }

 private:
  struct Socket {
    Socket(boost::asio::io_context& io, sockets::ListeningSocket listening, std::string path,
           const Listener& listener)
        : acceptor(io, std::move(listening.socket)),
          name(std::move(listening.name)),
          unix_path(std::move(path)),
          options(listener) {}
    ~Socket() { close(); }
    /// Nobody reaches it any more, and another may take its place.
    void close() {
      if (std::exchange(closed, true)) return;
      acceptor.close();
      if (!unix_path.empty()) ::unlink(unix_path.c_str());
    }
    sockets::Acceptor acceptor;
    const std::string name;
    const std::string unix_path;  // to be removed at the end; empty for TCP
    const Listener& options;
    bool closed = false;
  };
  /// What stop() ends; nothing yet while it is being made.
  struct Connection {
    std::shared_ptr<StreamConnection> stream;
    std::shared_ptr<MessageSocket> messages;
  };

  Result<void> listen();
  void add(sockets::ListeningSocket listening, std::string path, const Listener& listener);
  void on_connected(UniqueFd connected, const std::shared_ptr<Socket>& socket);
  void tell_of_refusal(const std::string& what);
  void open(UniqueFd connected, const std::shared_ptr<Socket>& socket, Peer peer);
  std::optional<std::uint64_t> enter(const std::string& peer);
  bool keep(std::uint64_t number, Connection connection);
  void on_end(std::uint64_t number);

  Runtime& runtime_;
  boost::asio::io_context& io_;
  const Options options_;
  SystemUsers users_;
  Door door_;                                     // core
  std::unique_ptr<SessionRegistry> registry_;     // core; null: no session may resume
  std::vector<std::shared_ptr<Socket>> sockets_;  // does not change between start() and the end

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  // Guarded by mutex_.
  std::unordered_map<std::uint64_t, Connection> connections_;
  std::uint64_t last_number_ = 0;  // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::uint64_t refusals_ = 0;     // guarded by mutex_
  Duration next_refusal_told_{};   // guarded by mutex_
};

Result<void> NinepServer::Impl::start() {
  if (options_.resume_grace > Duration()) {
    Result<void> started;
    call_blocking(runtime_.core, [this, &started] {
      registry_ = std::make_unique<SessionRegistry>(
          door_, SessionRegistry::Options{.grace = options_.resume_grace,
                                          .sessions_max = options_.connections_max});
      started = registry_->start();
    });
    TRY_OK(std::move(started));
  }
  return listen();
}

Result<void> NinepServer::Impl::listen() {
  for (const Listener& listener : options_.listeners) {
    for (const sockets::Address& address : listener.addresses) {
      TRY(auto listening, sockets::listen_tcp(address));
      add(std::move(listening), "", listener);
    }
    if (listener.unix_socket.empty()) continue;
    TRY(auto listening, listen_unix(listener));
    add(std::move(listening), listener.unix_socket, listener);
  }
  for (const auto& socket : sockets_) {
    socket->acceptor.begin([self = shared_from_this(), socket](UniqueFd connected) {
      self->on_connected(std::move(connected), socket);
    });
  }
  return {};
}

void NinepServer::Impl::add(sockets::ListeningSocket listening, std::string path,
                            const Listener& listener) {
  sockets_.push_back(
      std::make_shared<Socket>(io_, std::move(listening), std::move(path), listener));
}

void NinepServer::Impl::on_connected(UniqueFd connected, const std::shared_ptr<Socket>& socket) {
  auto peer = identify_peer(connected.get(), socket->options.access);
  if (!peer) return tell_of_refusal(socket->name + ": " + peer.error().message());
  if (socket->unix_path.empty()) {
    sockets::tune_tcp(connected.get(), kKeepAliveAfterS, kKeepAliveEveryS);
  }
  open(std::move(connected), socket, std::move(*peer));
}

/// Anybody may knock as often as he likes, but not fill the log.
void NinepServer::Impl::tell_of_refusal(const std::string& what) {
  const Duration now = runtime_.clock.monotonic();
  std::lock_guard lock(mutex_);
  ++refusals_;
  if (now < next_refusal_told_) return;
  next_refusal_told_ = now + kBetweenRefusalsTold;
  log::warn("9p: refused: {} ({} refused so far)", what, refusals_);
}

/// A place for one more connection, if there is one.
std::optional<std::uint64_t> NinepServer::Impl::enter(const std::string& peer) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return std::nullopt;
    if (connections_.size() < options_.connections_max) {
      connections_.emplace(++last_number_, Connection{});
      return last_number_;
    }
  }
  tell_of_refusal(
      fmt::format("{}: {} connections are open already", peer, options_.connections_max));
  return std::nullopt;
}

/// False: stop() has not seen it, and it is to end.
bool NinepServer::Impl::keep(std::uint64_t number, Connection connection) {
  std::lock_guard lock(mutex_);
  connections_[number] = std::move(connection);
  return !stopping_;
}

void NinepServer::Impl::open(UniqueFd connected, const std::shared_ptr<Socket>& socket, Peer peer) {
  const auto number = enter(peer.name);
  if (!number) return;
  // The session takes its number from the door, in the core.
  runtime_.core.dispatch([self = shared_from_this(), connected = std::move(connected), socket,
                          peer = std::move(peer), number = *number]() mutable {
    auto connection = std::make_shared<StreamConnection>(
        self->io_, std::move(connected), self->door_, socket->options.exported, std::move(peer),
        [self, number] { self->on_end(number); });
    connection->begin();
    if (!self->keep(number, {.stream = connection, .messages = nullptr})) connection->stop();
  });
}

std::shared_ptr<MessageSocket::User> NinepServer::Impl::accept(
    std::shared_ptr<MessageSocket> socket, Peer peer, bool resumable) {
  const auto number = enter(peer.name);
  if (!number) return nullptr;
  const Export& exported = options_.message_export;
  std::function<void()> on_end = [self = shared_from_this(), number = *number] {
    self->on_end(number);
  };
  CHECK(!resumable || registry_);
  auto session =
      resumable ? registry_->accept(socket, exported, std::move(peer), std::move(on_end))
                : make_message_session(door_, exported, std::move(peer), socket, std::move(on_end));
  if (!keep(*number, {.stream = nullptr, .messages = socket})) {
    socket->close(kCloseGoingAway, kStopping);
  }
  return session;
}

void NinepServer::Impl::on_end(std::uint64_t number) {
  Connection ended;  // goes outside of the lock
  std::lock_guard lock(mutex_);
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  ended = std::move(found->second);
  connections_.erase(found);
  ended_.notify_all();
}

void NinepServer::Impl::stop() {
  std::vector<Connection> open;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [number, connection] : connections_) open.push_back(connection);
  }
  for (const auto& socket : sockets_) socket->close();
  for (const Connection& connection : open) {
    if (connection.stream) connection.stream->stop();
    if (!connection.messages) continue;
    runtime_.core.dispatch(
        [socket = connection.messages] { socket->close(kCloseGoingAway, kStopping); });
  }
  {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return connections_.empty(); });
  }
  if (!registry_) return;
  run_blocking(runtime_.core, [this] { return registry_->stop(); });
  registry_.reset();
}

std::vector<std::string> NinepServer::Impl::names() const {
  std::vector<std::string> names;
  for (const auto& socket : sockets_) names.push_back(socket->name);
  return names;
}

std::size_t NinepServer::Impl::connections() const {
  std::lock_guard lock(mutex_);
  return connections_.size();
}

Result<std::unique_ptr<NinepServer>> NinepServer::start(Runtime& runtime,
                                                        boost::asio::io_context& io, vfs::Vfs& vfs,
                                                        Options options) {
  auto impl = std::make_shared<Impl>(runtime, io, vfs, std::move(options));
  if (auto started = impl->start(); !started) {
    impl->stop();
    return started.error();
  }
  return std::unique_ptr<NinepServer>(new NinepServer(std::move(impl)));
}

NinepServer::~NinepServer() { stop(); }
void NinepServer::stop() { impl_->stop(); }
std::shared_ptr<MessageSocket::User> NinepServer::accept(std::shared_ptr<MessageSocket> socket,
                                                         Peer peer) {
  return impl_->accept(std::move(socket), std::move(peer), false);
}
std::shared_ptr<MessageSocket::User> NinepServer::accept_resumable(
    std::shared_ptr<MessageSocket> socket, Peer peer) {
  return impl_->accept(std::move(socket), std::move(peer), true);
}
vfs::ChangeListener& NinepServer::listener() { return *impl_; }
std::vector<std::string> NinepServer::addresses() const { return impl_->names(); }
std::size_t NinepServer::connections() const { return impl_->connections(); }

}  // namespace cairn::p9
