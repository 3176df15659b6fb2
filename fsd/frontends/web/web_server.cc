#include "fsd/frontends/web/web_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <set>

#include "fsd/base/log.h"
#include "fsd/frontends/sockets/acceptor.h"
#include "fsd/frontends/sockets/listening_socket.h"
#include "fsd/frontends/sockets/socket_ends.h"
#include "fsd/frontends/sockets/tcp_address.h"
#include "fsd/frontends/web/http_connection.h"

namespace cairn::web {
namespace {

/// As fast as the pings over a WebSocket: for when those cannot be heard.
constexpr int kKeepAliveAfterS = 15;
constexpr int kKeepAliveEveryS = 5;
constexpr std::size_t kNetworkBytesOfSix = 8;  // a /64: whoever has one has all of its addresses
constexpr Duration kBetweenRefusalsTold = std::chrono::seconds(1);

WebPeer to_peer(const sockets::SocketEnds& ends) {
  WebPeer peer;
  peer.uid = ends.uid;
  const std::string ours = sockets::host_text(ends.ours);
  const bool is_six = ours.find(':') != ours.npos;
  peer.our_host = is_six ? '[' + ours + ']' : ours;
  peer.our_port = sockets::port_of(ends.ours);
  if (ends.uid) {
    peer.name = fmt::format("local user {}", *ends.uid);
    peer.key = peer.name;
    return peer;
  }
  peer.name = sockets::to_text(ends.theirs);
  auto bytes = sockets::address_bytes(ends.theirs);
  if (bytes.size() > kNetworkBytesOfSix) bytes.resize(kNetworkBytesOfSix);
  peer.key = fmt::format("{:02x}", fmt::join(bytes, ""));
  return peer;
}

}  // namespace

class WebServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Runtime& runtime, boost::asio::io_context& io, Options options)
      : runtime_(runtime),
        options_(std::move(options)),
        site_(runtime, options_.site, options_.limits),
        context_{.runtime = runtime,
                 .io = io,
                 .limits = options_.limits,
                 .answer =
                     [this](Request request, WebPeer peer) {
                       return site_.answer(std::move(request), std::move(peer));
                     }},
        connections_(std::make_shared<ConnectionTable>(options_.limits)) {}

  Result<void> listen();
  void stop();
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::size_t connections() const { return connections_->size(); }

 private:
  struct Listener {
    Listener(boost::asio::io_context& io, sockets::ListeningSocket listening)
        : acceptor(io, std::move(listening.socket)), name(std::move(listening.name)) {}
    sockets::Acceptor acceptor;
    const std::string name;
  };
  void add(sockets::ListeningSocket listening);
  void claim_localhost(const std::string& name);
  void on_connected(UniqueFd connected);
  void tell_of_refusal(const std::string& what);

  Runtime& runtime_;
  const Options options_;
  Site site_;  // core
  const ConnectionContext context_;
  const std::shared_ptr<ConnectionTable> connections_;
  // Nothing of these changes after start().
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::size_t named_ = 0;             // listeners that were asked for: the first ones
  std::set<std::string> localhosts_;  // the ports at which "localhost" is us
  std::mutex mutex_;
  std::uint64_t refusals_ = 0;    // guarded by mutex_
  Duration next_refusal_told_{};  // guarded by mutex_
};

Result<void> WebServer::Impl::listen() {
  for (const sockets::Address& address : options_.addresses) {
    TRY(auto listening, options_.listen(address));
    add(std::move(listening));
  }
  named_ = listeners_.size();
  for (std::size_t i = 0; i < named_; ++i) claim_localhost(listeners_[i]->name);
  for (const auto& listener : listeners_) {
    listener->acceptor.begin([self = shared_from_this()](UniqueFd connected) {
      self->on_connected(std::move(connected));
    });
  }
  return {};
}

void WebServer::Impl::add(sockets::ListeningSocket listening) {
  listeners_.push_back(std::make_unique<Listener>(context_.io, std::move(listening)));
}

/// "localhost" is two addresses. If we had only one of them, another user of this machine could
/// serve pages of his at the other, and they would be of our origin. So we take both.
void WebServer::Impl::claim_localhost(const std::string& name) {
  const std::string host = name.substr(0, name.rfind(':'));
  const std::string port = name.substr(name.rfind(':') + 1);
  const auto have = [&](const char* wanted) {
    return std::ranges::any_of(
        listeners_, [&](const auto& one) { return one->name == std::string(wanted) + ':' + port; });
  };
  if (host != "127.0.0.1" && host != "0.0.0.0" && host != "[::1]" && host != "[::]") return;
  const bool has_four = have("127.0.0.1") || have("0.0.0.0") || have("[::]");
  const bool has_six = have("[::1]") || have("[::]");
  if (!has_four || !has_six) {
    const auto number = static_cast<std::uint16_t>(std::stoi(port));
    auto listening = options_.listen({has_four ? "::1" : "127.0.0.1", number});
    const int error = listening ? 0 : to_errno(listening.error());
    if (listening) {
      add(std::move(*listening));
    } else if (error != EADDRNOTAVAIL && error != EAFNOSUPPORT) {
      return log::warn("web: \"localhost:{}\" is no name of this daemon: {}", port,
                       listening.error().message());
    }
  }
  localhosts_.insert(port);
}

void WebServer::Impl::on_connected(UniqueFd connected) {
  const auto ends = sockets::find_ends(connected.get());
  if (!ends) return tell_of_refusal(ends.error().message());
  WebPeer peer = to_peer(*ends);
  peer.is_localhost = (peer.our_host == "127.0.0.1" || peer.our_host == "[::1]") &&
                      localhosts_.contains(std::to_string(peer.our_port));
  auto slot = connections_->enter(peer.key);
  if (!slot) return tell_of_refusal(peer.name + ": too many connections are open already");
  sockets::tune_tcp(connected.get(), kKeepAliveAfterS, kKeepAliveEveryS);
  serve_http(context_, std::move(connected), std::move(peer), *std::move(slot));
}

/// Anybody may knock as often as he likes, but not fill the log.
void WebServer::Impl::tell_of_refusal(const std::string& what) {
  const Duration now = runtime_.clock.monotonic();
  std::lock_guard lock(mutex_);
  ++refusals_;
  if (now < next_refusal_told_) return;
  next_refusal_told_ = now + kBetweenRefusalsTold;
  log::warn("web: refused: {} ({} refused so far)", what, refusals_);
}

void WebServer::Impl::stop() {
  for (const auto& listener : listeners_) listener->acceptor.close();
  connections_->stop();
}

std::vector<std::string> WebServer::Impl::names() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < named_; ++i) names.push_back(listeners_[i]->name);
  return names;
}

Result<std::unique_ptr<WebServer>> WebServer::start(Runtime& runtime, boost::asio::io_context& io,
                                                    Options options) {
  auto impl = std::make_shared<Impl>(runtime, io, std::move(options));
  TRY_OK(impl->listen());
  return std::unique_ptr<WebServer>(new WebServer(std::move(impl)));
}

WebServer::~WebServer() { stop(); }
void WebServer::stop() { impl_->stop(); }
std::vector<std::string> WebServer::addresses() const { return impl_->names(); }
std::size_t WebServer::connections() const { return impl_->connections(); }

}  // namespace cairn::web
