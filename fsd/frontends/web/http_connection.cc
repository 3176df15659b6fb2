#include "fsd/frontends/web/http_connection.h"

#include <unistd.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cctype>

#include "fsd/base/log.h"
#include "fsd/frontends/web/response_head.h"
#include "fsd/frontends/web/web_socket.h"

namespace cairn::web {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr Duration kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 4096;

/// What has been parsed, as our own kind. Of a header that came several times, the values.
Request to_request(http::request<http::string_body>&& message) {
  Request request;
  request.method = message.method_string();
  request.target = message.target();
  for (const auto& field : message) {
    std::string name(field.name_string());
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto known = std::ranges::find(request.headers, name, &Header::name);
    if (known == request.headers.end()) {
      request.headers.push_back({std::move(name), std::string(field.value())});
    } else {
      known->value.append(name == "cookie" ? "; " : ", ").append(field.value());
    }
  }
  request.body = std::move(message.body());
  return request;
}

/// How a request that cannot be read is answered; 0: not at all.
int status_of(const beast::error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return 0;
  return error.category() == http::make_error_code(http::error::bad_method).category() ? 400 : 0;
}

class HttpConnection final : public Connection,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(const ConnectionContext& context, tcp::socket socket, WebPeer peer,
                 ConnectionTable::Slot slot)
      : slot_(std::move(slot)),
        context_(context),
        peer_(std::move(peer)),
        stream_(std::move(socket)) {}

  void begin() {
    slot_->is_of(shared_from_this());
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->read(); });
  }
  void stop() override {
    asio::post(stream_.get_executor(), [self = shared_from_this()] { self->end(); });
  }

 private:
  void read();
  void on_read(const beast::error_code& error);
  static Task<> answer(std::shared_ptr<HttpConnection> self, Request request);
  void on_answer(Response response);
  void become_web_socket(Response response);
  void respond(Response response, bool has_body);
  void write(std::string bytes);
  void go_on();
  void read_piece();
  void linger();
  void end();

  std::optional<ConnectionTable::Slot> slot_;  // first: it goes when all else has gone
  const ConnectionContext& context_;
  const WebPeer peer_;

  // All below: the strand of the socket.
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Upgrade upgrade_;  // what it takes of the present request
  bool wants_body_ = true;
  bool keep_alive_ = false;
  std::string outgoing_;
  std::optional<FileBody> file_;  // what of it is not sent yet
  bool ended_ = false;
};

void HttpConnection::read() {
  if (ended_) return;
  parser_.emplace();
  parser_->header_limit(context_.limits.head_bytes_max);
  parser_->body_limit(context_.limits.body_bytes_max);
  stream_.expires_after(context_.limits.request_timeout);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](const beast::error_code& error, std::size_t) {
                     self->on_read(error);
                   });
}

void HttpConnection::on_read(const beast::error_code& error) {
  if (ended_) return;
  if (error) {
    const int status = status_of(error);
    if (status == 0) return end();
    keep_alive_ = false;
    return respond(sentence(status, "This request cannot be read."), true);
  }
  stream_.expires_never();
  keep_alive_ = parser_->keep_alive();
  Request request = to_request(parser_->release());
  wants_body_ = request.method != "HEAD";
  upgrade_.target = request.target;
  upgrade_.host = request.header("host");
  upgrade_.key = request.header("sec-websocket-key");
  context_.runtime.core.dispatch(
      [self = shared_from_this(), request = std::move(request)]() mutable {
        answer(std::move(self), std::move(request)).detach();
      });
}

Task<> HttpConnection::answer(std::shared_ptr<HttpConnection> self, Request request) {
  Response response = co_await self->context_.answer(std::move(request), self->peer_);
  asio::dispatch(self->stream_.get_executor(), [self, response = std::move(response)]() mutable {
    self->on_answer(std::move(response));
  });
}

void HttpConnection::on_answer(Response response) {
  if (ended_) return;
  if (response.socket) return become_web_socket(std::move(response));
  respond(std::move(response), wants_body_);
}

void HttpConnection::become_web_socket(Response response) {
  if (buffer_.size() > 0) {  // nothing may be sent before the answer
    keep_alive_ = false;
    return respond(sentence(400, "Something came behind the request for a WebSocket."), true);
  }
  ended_ = true;
  upgrade_.route = std::move(response.socket);
  upgrade_.subprotocol = std::move(response.subprotocol);
  upgrade_.peer = peer_;
  ConnectionTable::Slot slot = *std::move(slot_);
  slot_.reset();
  serve_web_socket(context_.runtime, context_.limits, stream_.release_socket(), std::move(upgrade_),
                   std::move(slot));
}

void HttpConnection::respond(Response response, bool has_body) {
  std::string bytes = format_head(response, context_.runtime.clock.wall(), keep_alive_);
  if (has_body) {
    bytes += response.body;
    file_ = std::move(response.file);
  }
  write(std::move(bytes));
}

void HttpConnection::write(std::string bytes) {
  if (ended_) return;
  outgoing_ = std::move(bytes);
  stream_.expires_after(context_.limits.write_timeout);
  asio::async_write(stream_, asio::buffer(outgoing_),
                    [self = shared_from_this()](const beast::error_code& error, std::size_t) {
                      if (error) return self->end();
                      self->go_on();
                    });
}

void HttpConnection::go_on() {
  if (ended_) return;
  if (file_ && file_->bytes > 0) return read_piece();
  file_.reset();
  if (keep_alive_) return read();
  beast::error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kLinger);
  linger();
}

/// Closed at once, the kernel would answer what the peer still sends with a reset, which may make
/// it throw the answer away unread.
void HttpConnection::linger() {
  if (ended_) return;
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(kLingerBytes),
                          [self = shared_from_this()](const beast::error_code& error, std::size_t) {
                            if (error) return self->end();
                            self->linger();
                          });
}

void HttpConnection::read_piece() {
  const std::size_t count = std::min<std::uint64_t>(file_->bytes, context_.limits.piece_bytes);
  context_.runtime.pool.post(
      [self = shared_from_this(), file = file_->file, offset = file_->offset, count] {
        std::string piece(count, '\0');
        const ssize_t got = ::pread(file->get(), piece.data(), count, static_cast<off_t>(offset));
        piece.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        asio::post(self->stream_.get_executor(), [self, piece = std::move(piece)]() mutable {
          // It has become shorter: the length that was told cannot be kept.
          if (piece.empty() || self->ended_) return self->end();
          self->file_->offset += piece.size();
          self->file_->bytes -= piece.size();
          self->write(std::move(piece));
        });
      });
}

void HttpConnection::end() {
  if (ended_) return;
  ended_ = true;
  beast::error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream_.close();
}

}  // namespace

void serve_http(const ConnectionContext& context, UniqueFd connected, WebPeer peer,
                ConnectionTable::Slot slot) {
  const bool is_six = peer.our_host.starts_with('[');
  tcp::socket socket(asio::make_strand(context.io));
  beast::error_code failed;
  socket.assign(is_six ? tcp::v6() : tcp::v4(), connected.get(), failed);
  if (failed) return;
  static_cast<void>(connected.release());
  std::make_shared<HttpConnection>(context, std::move(socket), std::move(peer), std::move(slot))
      ->begin();
}

}  // namespace cairn::web
