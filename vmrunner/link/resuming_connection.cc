#include "vmrunner/link/resuming_connection.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <utility>

namespace cairn::vm {
namespace {

constexpr std::uint16_t kNormal = 1000;
constexpr std::uint16_t kProtocolError = 1002;
constexpr std::size_t kMessageBytesMax = (1U << 20) + 24 + resume::kEnvelopeBytesMax;

}  // namespace

ResumingConnection::ResumingConnection(boost::asio::io_context& io, Random& random, Options options,
                                       Events events)
    : io_(io),
      random_(random),
      options_(std::move(options)),
      events_(std::move(events)),
      client_(options_.client, {.send =
                                    [this](std::string frame) {
                                      if (socket_) socket_->send(std::move(frame));
                                    },
                                .reply =
                                    [this](std::string message) {
                                      if (!stopped_) events_.reply(std::move(message));
                                    }}),
      retry_(io) {
  options_.socket.subprotocol = resume::kSubprotocol;
  options_.socket.message_bytes_max = kMessageBytesMax;
}

ResumingConnection::~ResumingConnection() { stop(); }

Result<void> ResumingConnection::start() {
  stopped_ = false;
  return connect();
}

Result<void> ResumingConnection::connect() {
  WebSocket::Events events{
      .on_open = [this] { on_open(); },
      .on_message = [this](const std::string& message) { on_message(message); },
      .on_end = [this](const WebSocket::End& end) { on_end(end); }};
  TRY(socket_, WebSocket::connect(io_, options_.socket, std::move(events)));
  return {};
}

void ResumingConnection::on_open() { client_.on_connected(); }

void ResumingConnection::on_message(const std::string& message) {
  if (finished_) return;  // whatever it is, there is no other connection after this one
  const bool was_up = is_up();
  if (!client_.on_frame(message)) {
    // It is not where we think it is: all that we know is brought to a new session.
    client_.begin_anew();
    drop();
    return;
  }
  if (was_up || !is_up()) return;
  pause_ = {};
  events_.on_up();
}

void ResumingConnection::on_end(const WebSocket::End& end) {
  socket_.reset();
  client_.on_disconnected();
  if (finished_) {
    stop();
    return std::exchange(finished_, nullptr)(end.kind == WebSocket::End::Kind::kClosed);
  }
  if (end.close_code == kProtocolError) client_.begin_anew();
  events_.on_down(end);
  if (!stopped_) connect_later();
}

void ResumingConnection::connect_later() {
  retry_.expires_after(next_pause());
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped_) return;
    // The file of certificates may be gone meanwhile, and come back.
    if (const auto tried = connect(); !tried) connect_later();
  });
}

/// Doubles, and is spread, so that the clients of a daemon that was away do not all come at once.
Duration ResumingConnection::next_pause() {
  const Duration pause = pause_;
  pause_ = std::min(std::max(2 * pause, options_.retry_first), options_.retry_max);
  const auto spread = static_cast<std::uint64_t>(pause.count() / 2 + 1);
  return pause / 2 + Duration(static_cast<Duration::rep>(random_.below(spread)));
}

void ResumingConnection::finish(std::function<void(bool told)> done) {
  if (!is_up()) {
    stop();
    return done(false);
  }
  finished_ = std::move(done);
  client_.say_goodbye();
  socket_->close(kNormal);
}

void ResumingConnection::stop() {
  stopped_ = true;
  retry_.cancel();
  if (socket_) std::exchange(socket_, nullptr)->abandon();
  client_.on_disconnected();
}

void ResumingConnection::drop() {
  if (!socket_) return;
  std::exchange(socket_, nullptr)->abandon();
  client_.on_disconnected();
  connect_later();
}

}  // namespace cairn::vm
