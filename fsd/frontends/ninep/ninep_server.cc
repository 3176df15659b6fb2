#include "fsd/frontends/ninep/ninep_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <unordered_map>

#include "fsd/base/log.h"
#include "fsd/frontends/ninep/stream_connection.h"
#include "fsd/frontends/ninep/system_users.h"

namespace cairn::p9 {
namespace {

/// A client whose machine is gone keeps its locks for about a minute and a half.
constexpr int kKeepAliveAfterS = 60;
constexpr int kKeepAliveEveryS = 10;
constexpr int kKeepAliveCount = 3;

constexpr Duration kPauseWithoutDescriptors = std::chrono::milliseconds(100);
constexpr Duration kBetweenRefusalsTold = std::chrono::seconds(1);

void set_option(int socket, int level, int name, int value) {
  // Each is a comfort; none is worth refusing a client for.
  static_cast<void>(::setsockopt(socket, level, name, &value, sizeof value));
}

void tune_tcp(int socket) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveAfterS);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveEveryS);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveCount);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT,
             (kKeepAliveAfterS + kKeepAliveCount * kKeepAliveEveryS) * 1000);
}

struct Listening {
  UniqueFd socket;
  std::string name;
  std::string unix_path;  // to be removed at the end; empty for TCP
};

Result<Listening> listen_tcp(const NinepServer::Address& address) {
  sockaddr_storage where{};
  socklen_t length = 0;
  const std::string name = fmt::format("{}:{}", address.host, address.port);
  auto& four = reinterpret_cast<sockaddr_in&>(where);
  auto& six = reinterpret_cast<sockaddr_in6&>(where);
  if (inet_pton(AF_INET, address.host.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(address.port);
    length = sizeof four;
  } else if (inet_pton(AF_INET6, address.host.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(address.port);
    length = sizeof six;
  } else {
    return system_error(EINVAL, "servers.ninep needs an IP address", name);
  }
  UniqueFd socket(::socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error(errno, "no socket for 9P", name);
  set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), length) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&where), &length) != 0) {
    return system_error(errno, "9P cannot listen there", name);
  }
  const std::uint16_t port = where.ss_family == AF_INET ? four.sin_port : six.sin6_port;
  return Listening{std::move(socket), fmt::format("{}:{}", address.host, ntohs(port)), ""};
}

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

Result<Listening> listen_unix(const std::string& path, std::uint32_t mode) {
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
      ::chmod(path.c_str(), mode) != 0 || ::listen(socket.get(), SOMAXCONN) != 0) {
    return system_error(errno, "9P cannot listen there", path);
  }
  return Listening{std::move(socket), path, path};
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

  Result<void> listen();
  void stop();
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
    Socket(boost::asio::io_context& io, Listening listening, const Listener& listener)
        : listening(std::move(listening)),
          descriptor(io, this->listening.socket.get()),
          options(listener) {}
    ~Socket() {
      descriptor.release();
      if (!closed) remove_path();
    }
    /// Nobody reaches it any more, and another may take its place, although whoever accepts from it
    /// at the moment may keep it a little longer.
    void close() {
      closed = true;
      boost::system::error_code ignored;
      descriptor.cancel(ignored);
      ::shutdown(listening.socket.get(), SHUT_RDWR);
      remove_path();
    }
    void remove_path() const {
      if (!listening.unix_path.empty()) ::unlink(listening.unix_path.c_str());
    }
    Listening listening;
    boost::asio::posix::stream_descriptor descriptor;  // borrows the socket
    const Listener& options;
    bool closed = false;  // guarded by mutex_
  };

  void add(Listening listening, const Listener& listener);
  void wait(const std::shared_ptr<Socket>& socket);
  void wait_again(const std::shared_ptr<Socket>& socket);
  void pause(const std::shared_ptr<Socket>& socket);
  bool accept(const Socket& socket);
  void tell_of_refusal(const std::string& what);
  void open(UniqueFd connected, const Socket& socket, Peer peer);
  void on_end(std::uint64_t number);

  Runtime& runtime_;
  boost::asio::io_context& io_;
  const Options options_;
  SystemUsers users_;
  Door door_;  // core

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<std::shared_ptr<Socket>> sockets_;  // guarded by mutex_
  // Guarded by mutex_.
  std::unordered_map<std::uint64_t, std::shared_ptr<StreamConnection>> connections_;
  std::uint64_t last_number_ = 0;  // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::uint64_t refusals_ = 0;     // guarded by mutex_
  Duration next_refusal_told_{};   // guarded by mutex_
};

Result<void> NinepServer::Impl::listen() {
  for (const Listener& listener : options_.listeners) {
    for (const Address& address : listener.addresses) {
      TRY(Listening listening, listen_tcp(address));
      add(std::move(listening), listener);
    }
    if (listener.unix_socket.empty()) continue;
    TRY(Listening listening, listen_unix(listener.unix_socket, listener.unix_socket_mode));
    add(std::move(listening), listener);
  }
  for (const auto& socket : sockets_) wait(socket);
  return {};
}

void NinepServer::Impl::add(Listening listening, const Listener& listener) {
  sockets_.push_back(std::make_shared<Socket>(io_, std::move(listening), listener));
}

void NinepServer::Impl::wait(const std::shared_ptr<Socket>& socket) {
  socket->descriptor.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [self = shared_from_this(), socket](const boost::system::error_code& error) {
        if (error) return;
        if (self->accept(*socket)) {
          self->wait_again(socket);
        } else {
          self->pause(socket);
        }
      });
}

void NinepServer::Impl::wait_again(const std::shared_ptr<Socket>& socket) {
  std::lock_guard lock(mutex_);
  if (!stopping_) wait(socket);
}

void NinepServer::Impl::pause(const std::shared_ptr<Socket>& socket) {
  runtime_.core.dispatch([self = shared_from_this(), socket] {
    self->runtime_.timers.schedule(kPauseWithoutDescriptors,
                                   [self, socket] { self->wait_again(socket); });
  });
}

/// False: there are no descriptors or no memory for another connection at the moment.
bool NinepServer::Impl::accept(const Socket& socket) {
  UniqueFd connected(
      ::accept4(socket.listening.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connected) {
    return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
  }
  auto peer = identify_peer(connected.get(), socket.options.access);
  if (!peer) {
    tell_of_refusal(socket.listening.name + ": " + peer.error().message());
    return true;
  }
  if (socket.listening.unix_path.empty()) tune_tcp(connected.get());
  open(std::move(connected), socket, std::move(*peer));
  return true;
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

void NinepServer::Impl::open(UniqueFd connected, const Socket& socket, Peer peer) {
  std::uint64_t number = 0;
  bool is_full = false;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    is_full = connections_.size() >= options_.connections_max;
    if (!is_full) {
      number = ++last_number_;
      connections_.emplace(number, nullptr);
    }
  }
  if (is_full) {
    return tell_of_refusal(
        fmt::format("{}: {} connections are open already", peer.name, options_.connections_max));
  }
  // The session takes its number from the door, in the core.
  runtime_.core.dispatch([self = shared_from_this(), connected = std::move(connected), &socket,
                          peer = std::move(peer), number]() mutable {
    auto connection = std::make_shared<StreamConnection>(
        self->io_, std::move(connected), self->door_, socket.options.exported, std::move(peer),
        [self, number] { self->on_end(number); });
    connection->begin();
    bool stopping = false;
    {
      std::lock_guard lock(self->mutex_);
      self->connections_[number] = connection;
      stopping = self->stopping_;
    }
    if (stopping) connection->stop();
  });
}

void NinepServer::Impl::on_end(std::uint64_t number) {
  std::shared_ptr<StreamConnection> ended;  // goes outside of the lock
  std::lock_guard lock(mutex_);
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  ended = std::move(found->second);
  connections_.erase(found);
  ended_.notify_all();
}

void NinepServer::Impl::stop() {
  std::vector<std::shared_ptr<StreamConnection>> open;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& socket : sockets_) socket->close();
    for (const auto& [number, connection] : connections_) {
      if (connection) open.push_back(connection);
    }
  }
  for (const auto& connection : open) connection->stop();
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return connections_.empty(); });
  sockets_.clear();
}

std::vector<std::string> NinepServer::Impl::names() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& socket : sockets_) names.push_back(socket->listening.name);
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
  TRY_OK(impl->listen());
  return std::unique_ptr<NinepServer>(new NinepServer(std::move(impl)));
}

NinepServer::~NinepServer() { stop(); }
void NinepServer::stop() { impl_->stop(); }
vfs::ChangeListener& NinepServer::listener() { return *impl_; }
std::vector<std::string> NinepServer::addresses() const { return impl_->names(); }
std::size_t NinepServer::connections() const { return impl_->connections(); }

}  // namespace cairn::p9
