#include "fsd/frontends/sockets/acceptor.h"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <mutex>

namespace cairn::sockets {
namespace {

constexpr auto kPauseWithoutDescriptors = std::chrono::milliseconds(100);

/// There are no descriptors or no memory for another connection at the moment.
bool is_exhausted(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

class Acceptor::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& io, UniqueFd listening)
      : socket_(std::move(listening)), descriptor_(io, socket_.get()), timer_(io) {}
  ~Impl() { descriptor_.release(); }

  void begin(OnConnected on_connected) {
    on_connected_ = std::make_shared<OnConnected>(std::move(on_connected));
    wait();
  }
  void close() {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    on_connected_.reset();
    boost::system::error_code ignored;
    descriptor_.cancel(ignored);
    timer_.cancel();
    ::shutdown(socket_.get(), SHUT_RDWR);
  }

 private:
  void wait() {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                             if (!error) self->accept();
                           });
  }
  void pause() {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    timer_.expires_after(kPauseWithoutDescriptors);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->wait();
    });
  }
  void accept() {
    std::shared_ptr<OnConnected> on_connected;
    {
      std::lock_guard lock(mutex_);
      on_connected = on_connected_;
    }
    if (!on_connected) return;
    UniqueFd connected(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connected && is_exhausted(errno)) return pause();
    if (connected) (*on_connected)(std::move(connected));
    wait();
  }

  const UniqueFd socket_;
  boost::asio::posix::stream_descriptor descriptor_;  // borrows socket_
  boost::asio::steady_timer timer_;
  std::mutex mutex_;
  bool closed_ = false;                        // guarded by mutex_
  std::shared_ptr<OnConnected> on_connected_;  // guarded by mutex_
};

Acceptor::Acceptor(boost::asio::io_context& io, UniqueFd listening)
    : impl_(std::make_shared<Impl>(io, std::move(listening))) {}
Acceptor::~Acceptor() { close(); }
void Acceptor::begin(OnConnected on_connected) { impl_->begin(std::move(on_connected)); }
void Acceptor::close() { impl_->close(); }

}  // namespace cairn::sockets
