#include "vmrunner/link/web_socket.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <deque>
#include <optional>

// Asio's own code for TLS, compiled here and nowhere else (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/ssl/impl/src.hpp>

namespace cairn::vm {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
namespace websocket = beast::websocket;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr auto kCloseTimeout = std::chrono::seconds(5);
using PlainStream = websocket::stream<tcp::socket>;
using TlsStream = websocket::stream<beast::ssl_stream<tcp::socket>>;

template <class Stream>
class Connection final : public WebSocket, public std::enable_shared_from_this<Connection<Stream>> {
  static constexpr bool kTls = std::is_same_v<Stream, TlsStream>;

 public:
  Connection(asio::io_context& io, const Options& options, Events events,
             std::optional<ssl::context> context)
      : options_(options),
        events_(std::move(events)),
        context_(std::move(context)),
        stream_(make_stream(io, context_)),
        resolver_(io),
        timer_(io) {}

  void begin() {
    limit(options_.handshake_timeout);
    resolver_.async_resolve(options_.url.host, std::to_string(options_.url.port),
                            then(&Connection::on_resolved));
  }

  void send(std::string message) override {
    if (done_) return;
    unsent_bytes_ += message.size();
    unsent_.push_back(std::move(message));
    write_on();
  }
  [[nodiscard]] std::size_t unsent_bytes() const override { return unsent_bytes_; }
  void close(std::uint16_t code) override {
    if (done_ || closing_) return;
    closing_ = code;
    limit(kCloseTimeout);
    write_on();
  }
  void abandon() override {
    abandoned_ = true;
    shut();
  }

 private:
  void shut() {
    if (std::exchange(done_, true)) return;
    resolver_.cancel();
    timer_.cancel();
    error_code ignored;
    beast::get_lowest_layer(stream_).close(ignored);
  }

  static Stream make_stream(asio::io_context& io, std::optional<ssl::context>& context) {
    if constexpr (kTls) {
      return Stream(io, *context);
    } else {
      static_cast<void>(context);
      return Stream(io);
    }
  }

  /// A handler that keeps this connection, ends it on an error, and is deaf once it has ended.
  template <class... Args>
  auto then(void (Connection::*next)(Args...)) {
    return [self = this->shared_from_this(), next](const error_code& error, auto&&... args) {
      if (self->done_) return;
      if (error) return self->fail(error);
      ((*self).*next)(std::forward<decltype(args)>(args)...);
    };
  }

  void on_resolved(tcp::resolver::results_type found) {
    asio::async_connect(beast::get_lowest_layer(stream_), std::move(found),
                        then(&Connection::on_connected));
  }

  void on_connected(const tcp::endpoint&) {
    error_code ignored;
    beast::get_lowest_layer(stream_).set_option(tcp::no_delay(true), ignored);
    if constexpr (kTls) {
      const std::string& host = options_.url.host;
      error_code is_name;
      asio::ip::make_address(host, is_name);
      if (is_name) SSL_set_tlsext_host_name(stream_.next_layer().native_handle(), host.c_str());
      stream_.next_layer().set_verify_callback(ssl::host_name_verification(host));
      securing_ = true;
      stream_.next_layer().async_handshake(ssl::stream_base::client, then(&Connection::on_secured));
    } else {
      on_secured();
    }
  }

  void on_secured() {
    securing_ = false;
    stream_.set_option(
        websocket::stream_base::timeout{.handshake_timeout = options_.handshake_timeout,
                                        .idle_timeout = options_.silence_max,
                                        .keep_alive_pings = true});
    stream_.set_option(websocket::stream_base::decorator([this](websocket::request_type& request) {
      request.set(http::field::user_agent, "cairn-vm");
      request.set(http::field::sec_websocket_protocol, options_.subprotocol);
      if (!options_.token.empty()) {
        request.set(http::field::authorization, "Bearer " + options_.token);
      }
    }));
    stream_.read_message_max(options_.message_bytes_max);
    stream_.binary(true);
    stream_.auto_fragment(false);
    stream_.async_handshake(response_, options_.url.authority(), options_.url.target,
                            then(&Connection::on_shaken));
  }

  void on_shaken() {
    if (response_[http::field::sec_websocket_protocol] != options_.subprotocol) {
      return end({.kind = End::Kind::kNotOurs, .text = {}});
    }
    timer_.cancel();
    open_ = true;
    events_.on_open();
    if (done_) return;
    read_on();
    write_on();
  }

  void read_on() { stream_.async_read(incoming_, then(&Connection::on_read)); }
  void on_read(std::size_t) {
    std::string message = beast::buffers_to_string(incoming_.data());
    incoming_.consume(incoming_.size());
    events_.on_message(std::move(message));
    if (!done_) read_on();
  }

  void write_on() {
    if (!open_ || writing_ || done_) return;
    if (unsent_.empty()) {
      if (!closing_) return;
      writing_ = true;
      return stream_.async_close(static_cast<websocket::close_code>(*closing_),
                                 then(&Connection::on_goodbye));
    }
    writing_ = true;
    stream_.async_write(asio::buffer(unsent_.front()), then(&Connection::on_written));
  }
  void on_written(std::size_t) {
    writing_ = false;
    unsent_bytes_ -= unsent_.front().size();
    unsent_.pop_front();
    write_on();
  }
  void on_goodbye() { end({.kind = End::Kind::kClosed, .close_code = *closing_, .text = {}}); }

  void limit(Duration time) {
    timer_.expires_after(time);
    timer_.async_wait([self = this->shared_from_this()](const error_code& error) {
      if (error || self->done_) return;
      self->end({.text = "no answer in time"});
    });
  }

  void fail(const error_code& error) {
    if (error == websocket::error::upgrade_declined) {
      return end({.kind = End::Kind::kRefused,
                  .http_status = response_.result_int(),
                  .text = std::string(response_.reason())});
    }
    if (error == websocket::error::closed) {
      const auto& reason = stream_.reason();
      return end({.kind = End::Kind::kClosed,
                  .close_code = reason.code,
                  .text = std::string(reason.reason.data(), reason.reason.size())});
    }
    const bool untrusted = securing_ && error.category() == asio::error::get_ssl_category();
    end({.kind = untrusted ? End::Kind::kUntrusted : End::Kind::kUnreachable,
         .text = error.message()});
  }

  void end(End why) {
    shut();
    // Never from inside of a call of ours, and the callbacks may own us.
    asio::post(timer_.get_executor(), [self = this->shared_from_this(), why = std::move(why)] {
      const Events events = std::exchange(self->events_, {});
      if (!self->abandoned_ && events.on_end) events.on_end(why);
    });
  }

  const Options options_;
  Events events_;
  std::optional<ssl::context> context_;
  Stream stream_;
  tcp::resolver resolver_;
  asio::steady_timer timer_;  // until it is open, and while it closes
  websocket::response_type response_;
  beast::flat_buffer incoming_;
  std::deque<std::string> unsent_;
  std::size_t unsent_bytes_ = 0;
  std::optional<std::uint16_t> closing_;
  bool securing_ = false;
  bool open_ = false;
  bool writing_ = false;
  bool done_ = false;
  bool abandoned_ = false;  // its owner may be gone
};

Result<ssl::context> make_context(const std::string& ca_file) {
  ssl::context context(ssl::context::tls_client);
  context.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 |
                      ssl::context::no_tlsv1_1);
  error_code failed;
  if (ca_file.empty()) {
    context.set_default_verify_paths(failed);
  } else {
    context.load_verify_file(ca_file, failed);
  }
  if (failed) {
    return Error(std::error_code(EINVAL, std::generic_category()), "no certificates to believe in",
                 ca_file + " (" + failed.message() + ")");
  }
  context.set_verify_mode(ssl::verify_peer);
  return context;
}

template <class Stream>
std::shared_ptr<WebSocket> start(asio::io_context& io, const WebSocket::Options& options,
                                 WebSocket::Events events, std::optional<ssl::context> context) {
  auto made =
      std::make_shared<Connection<Stream>>(io, options, std::move(events), std::move(context));
  made->begin();
  return made;
}

}  // namespace

std::string WebSocket::End::message() const {
  switch (kind) {
    case Kind::kUnreachable:
      return "no connection (" + text + ")";
    case Kind::kUntrusted:
      return "its certificate is not to be believed (" + text + "); --ca-file names an authority";
    case Kind::kRefused:
      if (http_status == 401 || http_status == 403) {
        return "it lets nobody in without its password or a token (--token-file)";
      }
      if (http_status == 429) return "too many wrong passwords or tokens; try again later";
      if (http_status == 421) return "it does not go by this name (servers.webui.hosts)";
      return "there is no such WebSocket (it answers " + std::to_string(http_status) + " " + text +
             ")";
    case Kind::kNotOurs:
      return "what is there is no daemon of this version (no subprotocol cairn.resume.v1)";
    case Kind::kClosed:
      return "the daemon has closed the connection (" + std::to_string(close_code) +
             (text.empty() ? "" : " " + text) + ")";
  }
  return text;
}

Result<std::shared_ptr<WebSocket>> WebSocket::connect(asio::io_context& io, const Options& options,
                                                      Events events) {
  if (!options.url.tls) return start<PlainStream>(io, options, std::move(events), std::nullopt);
  TRY(auto context, make_context(options.ca_file));
  return start<TlsStream>(io, options, std::move(events), std::move(context));
}

}  // namespace cairn::vm
