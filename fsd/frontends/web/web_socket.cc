#include "fsd/frontends/web/web_socket.h"

#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/websocket.hpp>
#include <deque>
#include <mutex>

#include "fsd/base/bytes.h"
#include "fsd/base/log.h"
#include "fsd/frontends/web/response_head.h"

// The socket's side of things runs on the connection's own strand of asio, the user's in the core.
// Towards the core goes one message at a time: the next is read when the user has returned from it
// and does not hold it back. From the core, messages go into a queue and are written one after the
// other.
//
// While messages are read, silence means that the peer is gone; it is asked for a sign by pings.
// While it is held back its pongs are not read, so then the kernel watches: what we send it (the
// pings, if nothing else) has to be acknowledged within TCP_USER_TIMEOUT.

namespace cairn::web {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;

constexpr std::size_t kReadBytes = 64U << 10;
constexpr int kSilentPingsMax = 3;
constexpr std::uint16_t kCloseBadData = 1003;  // not binary
constexpr std::size_t kReasonBytesMax = 123;
constexpr const char* kStopping = "the daemon is stopping";

class WebSocket final : public MessageSocket,
                        public Connection,
                        public std::enable_shared_from_this<WebSocket> {
 public:
  WebSocket(Runtime& runtime, const Limits& limits, asio::ip::tcp::socket socket, Upgrade upgrade,
            ConnectionTable::Slot slot)
      : slot_(std::move(slot)),
        core_(runtime.core),
        limits_(limits),
        upgrade_(std::move(upgrade)),
        stream_(std::move(socket)),
        ping_timer_(stream_.get_executor()),
        close_timer_(stream_.get_executor()) {}

  void begin();

  void stop() override { ask_to_close(kCloseGoingAway, kStopping); }

  void send(std::string message) override;
  [[nodiscard]] std::size_t unsent_bytes() const override { return unsent_bytes_; }
  void hold_back(bool held) override;
  void close(std::uint16_t code, std::string_view reason) override {
    deaf_ = true;
    ask_to_close(code, reason);
  }

 private:
  struct Goodbye {
    std::uint16_t code;
    std::string reason;
  };

  void accept();
  void on_accepted();
  void introduce();
  void read_on();
  void on_read(std::size_t count);
  void on_read_failed(const beast::error_code& error);
  void deliver(std::string message);
  void write_on();
  void on_written();
  void on_sent(std::size_t count);
  void ask_to_close(std::uint16_t code, std::string_view reason);
  void prepare_to_close();
  void say_goodbye(const Goodbye& goodbye);
  void watch();
  void end();
  void finish(bool leaving);

  /// A handler that ends the connection at an error; else `then` goes on.
  template <class Then>
  auto unless_failed(Then then) {
    return [self = shared_from_this(), then](const beast::error_code& error, auto... count) {
      if (self->ended_) return;
      if (error) return self->end();
      (self.get()->*then)(count...);
    };
  }

  ConnectionTable::Slot slot_;  // first: it goes when all else has gone
  Strand& core_;
  const Limits& limits_;
  const Upgrade upgrade_;

  // The strand of the socket.
  websocket::stream<asio::ip::tcp::socket, false> stream_;
  asio::steady_timer ping_timer_;
  asio::steady_timer close_timer_;
  http::request<http::empty_body> request_;
  std::string incoming_;
  std::size_t incoming_bytes_ = 0;
  std::string outgoing_;
  bool open_ = false;     // the handshake is over
  bool reading_ = false;  // a read is under way, or its message is with the user
  bool writing_ = false;
  bool pinging_ = false;
  bool closing_ = false;  // nothing is read any more
  bool leaving_ = false;  // the peer does
  bool ended_ = false;
  bool heard_ = true;  // of the peer, since the last ping
  int silent_pings_ = 0;

  std::atomic<bool> held_ = false;
  std::mutex mutex_;
  std::deque<std::string> unsent_;  // guarded by mutex_
  std::optional<Goodbye> goodbye_;  // guarded by mutex_: to be said when all is sent

  // Core.
  std::shared_ptr<User> user_;
  std::size_t unsent_bytes_ = 0;
  bool is_full_ = false;  // until on_drained()
  bool deaf_ = false;     // what comes is of no interest any more
  bool finished_ = false;
};

void WebSocket::begin() {
  slot_.is_of(shared_from_this());
  asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->accept(); });
}

void WebSocket::accept() {
  if (ended_) return;
  request_ = {http::verb::get, upgrade_.target, 11};
  request_.set(http::field::host, upgrade_.host);
  request_.set(http::field::connection, "upgrade");
  request_.set(http::field::upgrade, "websocket");
  request_.set(http::field::sec_websocket_version, "13");
  request_.set(http::field::sec_websocket_key, upgrade_.key);
  stream_.set_option(websocket::stream_base::timeout{.handshake_timeout = limits_.write_timeout,
                                                     .idle_timeout = websocket::stream_base::none(),
                                                     .keep_alive_pings = false});
  stream_.set_option(websocket::stream_base::decorator(
      [protocol = upgrade_.subprotocol](websocket::response_type& response) {
        for (const Header& header : security_headers()) response.set(header.name, header.value);
        response.erase(http::field::server);
        if (!protocol.empty()) response.set(http::field::sec_websocket_protocol, protocol);
      }));
  stream_.read_message_max(upgrade_.route->message_bytes_max);
  stream_.binary(true);
  stream_.auto_fragment(false);
  stream_.control_callback([this](websocket::frame_type, beast::string_view) { heard_ = true; });
  stream_.async_accept(request_, unless_failed(&WebSocket::on_accepted));
}

void WebSocket::on_accepted() {
  open_ = true;
  watch();
  core_.dispatch([self = shared_from_this()] { self->introduce(); });
  write_on();  // it may have been asked to close
}

void WebSocket::introduce() {
  if (finished_) return;
  user_ = upgrade_.route->accept(shared_from_this(), upgrade_.peer, upgrade_.subprotocol);
  if (!user_) return close(kCloseTryLater, "too many connections are open already");
  asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->read_on(); });
}

void WebSocket::hold_back(bool held) {
  held_ = held;
  if (held) return;
  asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->read_on(); });
}

void WebSocket::read_on() {
  if (!open_ || reading_ || held_ || closing_ || ended_) return;
  reading_ = true;
  const std::size_t room = stream_.read_size_hint(kReadBytes);
  resize_for_overwrite(incoming_, incoming_bytes_ + room);
  stream_.async_read_some(asio::buffer(incoming_.data() + incoming_bytes_, room),
                          [self = shared_from_this()](const beast::error_code& error,
                                                      std::size_t count) {
                            if (self->ended_) return;
                            if (error) return self->on_read_failed(error);
                            self->on_read(count);
                          });
}

void WebSocket::on_read_failed(const beast::error_code& error) {
  // When we say it first, the peer merely repeats it.
  leaving_ = error == websocket::error::closed && !closing_ &&
             stream_.reason().code == websocket::close_code::going_away;
  end();
}

void WebSocket::on_read(std::size_t count) {
  heard_ = true;
  incoming_bytes_ += count;
  if (!stream_.got_binary()) return ask_to_close(kCloseBadData, "messages are binary here");
  if (!stream_.is_message_done()) {
    reading_ = false;
    return read_on();
  }
  incoming_.resize(incoming_bytes_);
  incoming_bytes_ = 0;
  core_.dispatch([self = shared_from_this(), message = std::exchange(incoming_, {})]() mutable {
    self->deliver(std::move(message));
  });
}

void WebSocket::deliver(std::string message) {
  if (user_ && !deaf_) user_->on_message(std::move(message));
  asio::dispatch(stream_.get_executor(), [self = shared_from_this()] {
    self->reading_ = false;
    self->read_on();
  });
}

void WebSocket::send(std::string message) {
  if (finished_) return;
  unsent_bytes_ += message.size();
  is_full_ = is_full_ || unsent_bytes_ > kUnsentBytesMax;
  {
    std::lock_guard lock(mutex_);
    unsent_.push_back(std::move(message));
  }
  asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->write_on(); });
}

void WebSocket::write_on() {
  if (!open_ || writing_ || ended_) return;
  std::optional<Goodbye> goodbye;
  {
    std::lock_guard lock(mutex_);
    if (!unsent_.empty()) {
      outgoing_ = std::move(unsent_.front());
      unsent_.pop_front();
    } else if (goodbye_) {
      goodbye.swap(goodbye_);
    } else {
      return;
    }
  }
  writing_ = true;
  if (goodbye) return say_goodbye(*goodbye);
  stream_.async_write(asio::buffer(outgoing_),
                      [self = shared_from_this()](const beast::error_code& error, std::size_t) {
                        if (self->ended_) return;
                        if (error) return self->end();
                        self->on_written();
                      });
}

void WebSocket::on_written() {
  writing_ = false;
  heard_ = true;  // a slow peer takes its time for what lies before the ping
  core_.dispatch([self = shared_from_this(), count = outgoing_.size()] { self->on_sent(count); });
  write_on();
}

void WebSocket::on_sent(std::size_t count) {
  unsent_bytes_ -= count;
  if (!is_full_ || unsent_bytes_ >= kUnsentBytesMax / 2) return;
  is_full_ = false;
  if (user_) user_->on_drained();
}

void WebSocket::ask_to_close(std::uint16_t code, std::string_view reason) {
  {
    std::lock_guard lock(mutex_);
    if (!goodbye_) goodbye_ = Goodbye{code, std::string(reason.substr(0, kReasonBytesMax))};
  }
  asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->prepare_to_close(); });
}

void WebSocket::prepare_to_close() {
  if (closing_ || ended_) return;
  closing_ = true;
  close_timer_.expires_after(limits_.close_timeout);
  close_timer_.async_wait([self = shared_from_this()](const beast::error_code& error) {
    if (!error) self->end();
  });
  write_on();
}

void WebSocket::say_goodbye(const Goodbye& goodbye) {
  const websocket::close_reason reason(static_cast<websocket::close_code>(goodbye.code),
                                       goodbye.reason);
  stream_.async_close(reason, unless_failed(&WebSocket::end));
}

/// Asks the peer for a sign of life, again and again.
void WebSocket::watch() {
  ping_timer_.expires_after(limits_.ping_every);
  ping_timer_.async_wait([self = shared_from_this()](const beast::error_code& error) {
    if (error || self->ended_) return;
    const bool listens = self->reading_ && !self->held_;
    self->silent_pings_ = self->heard_ || !listens ? 0 : self->silent_pings_ + 1;
    self->heard_ = false;
    if (self->silent_pings_ >= kSilentPingsMax) return self->end();
    self->watch();
    if (self->pinging_ || self->closing_) return;
    self->pinging_ = true;
    self->stream_.async_ping({}, [self](const beast::error_code& failed) {
      self->pinging_ = false;
      if (failed && !self->ended_ && !self->closing_) self->end();
    });
  });
}

void WebSocket::end() {
  if (ended_) return;
  ended_ = true;
  ping_timer_.cancel();
  close_timer_.cancel();
  beast::error_code ignored;
  beast::get_lowest_layer(stream_).close(ignored);
  core_.post([self = shared_from_this(), leaving = leaving_] { self->finish(leaving); });
}

void WebSocket::finish(bool leaving) {
  finished_ = true;
  {
    std::lock_guard lock(mutex_);
    unsent_.clear();
  }
  if (user_ && leaving) user_->on_leaving();
  if (user_) user_->on_closed();
  user_.reset();
}

}  // namespace

void serve_web_socket(Runtime& runtime, const Limits& limits, asio::ip::tcp::socket socket,
                      Upgrade upgrade, ConnectionTable::Slot slot) {
  std::make_shared<WebSocket>(runtime, limits, std::move(socket), std::move(upgrade),
                              std::move(slot))
      ->begin();
}

}  // namespace cairn::web
