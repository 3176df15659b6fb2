#include "vmrunner/link/session_ender.h"

#include <boost/asio/io_context.hpp>
#include <utility>

namespace cairn::vm {
namespace {

constexpr std::uint16_t kEnded = 1000;    // or there is none of that name
constexpr std::uint16_t kNotOurs = 1002;  // and never will be

}  // namespace

SessionEnder::SessionEnder(boost::asio::io_context& io, Options options,
                           std::vector<SessionRecords::Left> left, std::function<void()> done)
    : io_(io),
      options_(std::move(options)),
      left_(std::move(left)),
      done_(std::move(done)),
      timer_(io) {
  options_.socket.subprotocol = resume::kSubprotocol;
}

SessionEnder::~SessionEnder() {
  if (socket_) socket_->abandon();
}

void SessionEnder::start() {
  // Not from inside of start().
  timer_.expires_after(Duration::zero());
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) end_next();
  });
}

void SessionEnder::end_next() {
  if (left_.empty()) return finish();
  const std::string frame = resume::encode(resume::End{.id = left_.back().id});
  auto made = WebSocket::connect(io_, options_.socket,
                                 {.on_open = [this, frame] { socket_->send(frame); },
                                  .on_message = [](const std::string&) {},
                                  .on_end = [this](const WebSocket::End& end) { on_end(end); }});
  if (!made) return finish();
  socket_ = *std::move(made);
  timer_.expires_after(options_.answer_max);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) finish();
  });
}

void SessionEnder::on_end(const WebSocket::End& end) {
  socket_.reset();
  const bool is_over = end.kind == WebSocket::End::Kind::kClosed &&
                       (end.close_code == kEnded || end.close_code == kNotOurs);
  if (!is_over) return finish();
  left_.back().entry.forget();
  left_.pop_back();
  end_next();
}

void SessionEnder::finish() {
  timer_.cancel();
  left_.clear();
  if (socket_) std::exchange(socket_, nullptr)->abandon();
  if (done_) std::exchange(done_, nullptr)();
}

}  // namespace cairn::vm
