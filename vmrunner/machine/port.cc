#include "vmrunner/machine/port.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace cairn::vm {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr std::size_t kReadBytes = 64U << 10;
}  // namespace

Port::Port(asio::io_context& io, const std::string& path, OnData on_data)
    : acceptor_(io, asio::local::stream_protocol::endpoint(path)),
      socket_(io),
      on_data_(std::move(on_data)),
      incoming_(kReadBytes, '\0') {}

void Port::begin() {
  acceptor_.async_accept([self = shared_from_this()](const error_code& error,
                                                     asio::local::stream_protocol::socket socket) {
    if (error) return;
    self->acceptor_.close();
    self->socket_ = std::move(socket);
    self->socket_.non_blocking(true);
    self->connected_ = true;
    self->read_on();
    self->write_on();
  });
}

void Port::send(std::string bytes, std::function<void()> on_sent) {
  unsent_bytes_ += bytes.size();
  outgoing_.push_back({std::move(bytes), std::move(on_sent)});
  write_on();
}

void Port::end_of_input() {
  ends_ = true;
  write_on();
}

/// Nothing is taken out before it is given to on_data: drain() may come between.
void Port::read_on() {
  if (!connected_ || reading_ || paused_) return;
  reading_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& error) {
    self->reading_ = false;
    if (error || self->paused_) return;
    if (self->read_some() && self->socket_.is_open()) self->read_on();
  });
}

/// False: nothing will come any more.
bool Port::read_some() {
  error_code error;
  const std::size_t count = socket_.read_some(asio::buffer(incoming_), error);
  if (error == asio::error::would_block) return true;
  if (error || count == 0) return false;
  on_data_(std::string_view(incoming_).substr(0, count));
  return true;
}

void Port::resume() {
  if (std::exchange(paused_, false) && socket_.is_open()) read_on();
}

void Port::write_on() {
  if (!connected_ || writing_) return;
  if (outgoing_.empty()) {
    // Not closed: QEMU would drop what the guest has not read yet.
    error_code ignored;
    if (ends_) socket_.shutdown(Socket::shutdown_send, ignored);
    return;
  }
  writing_ = true;
  asio::async_write(socket_, asio::buffer(outgoing_.front().bytes),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      self->writing_ = false;
                      if (error || self->outgoing_.empty()) return;
                      const auto on_sent = std::move(self->outgoing_.front().on_sent);
                      self->unsent_bytes_ -= self->outgoing_.front().bytes.size();
                      self->outgoing_.pop_front();
                      if (on_sent) on_sent();
                      self->write_on();
                    });
}

void Port::drain() {
  error_code closed;
  while (connected_ && !paused_ && socket_.available(closed) > 0) {
    if (!read_some()) return;
  }
}

void Port::close() {
  error_code ignored;
  acceptor_.close(ignored);
  socket_.close(ignored);
}

}  // namespace cairn::vm
