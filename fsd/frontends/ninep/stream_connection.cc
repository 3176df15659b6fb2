#include "fsd/frontends/ninep/stream_connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <deque>
#include <mutex>
#include <thread>

#include "fsd/base/log.h"
#include "fsd/frontends/ninep/message_reader.h"

// A thread that finds the socket readable reads once, cuts out the messages, and takes them into
// the core, usually on the spot. They are passed in only while the session has room and the peer
// takes its replies, and the next read begins when all have been: so a client's own slowness holds
// it back, and what it can make us keep is what its requests under way may hold.
//
// Replies that are made while their batch is being passed in leave together, after the core has
// been left; a later one (a commit's) leaves at once, from the thread that made it. What the socket
// does not take is kept until it is writable.

namespace cairn::p9 {
namespace {

/// Kept for a peer that does not read; past it nothing more is read from it.
constexpr std::size_t kUnsentBytesMax = 4U << 20;
constexpr std::size_t kPiecesPerSend = 64;

}  // namespace

class StreamConnection::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& io, UniqueFd socket, Door& door, const Export& exported, Peer peer,
       std::function<void()> on_end)
      : socket_(std::move(socket)),
        descriptor_(io, socket_.get()),
        core_(door.runtime.core),
        on_end_(std::move(on_end)),
        session_(
            door, exported, std::move(peer), [this](std::string reply) { send(std::move(reply)); },
            [this] { go_on(); }) {
    message_bytes_max_ = session_.message_bytes_max();
  }
  ~Impl() { descriptor_.release(); }

  void begin() { wait_readable(); }
  void end(const char* why);

 private:
  void wait_readable();
  void on_readable();
  void pass_in(std::vector<std::string> messages);
  void go_on();
  bool may_go_on();
  static Task<> close(std::shared_ptr<Impl> self);

  void send(std::string reply);
  void flush();
  /// False: the socket takes no more at the moment, or is broken.
  bool send_some(std::unique_lock<std::mutex>& lock);
  void wait_writable();
  void break_off();

  const UniqueFd socket_;
  boost::asio::posix::stream_descriptor descriptor_;  // borrows socket_; guarded by mutex_
  Strand& core_;
  const std::function<void()> on_end_;
  std::atomic<bool> ended_ = false;

  // Of the thread that reads, of which there is one at a time.
  MessageReader reader_;
  std::atomic<std::uint32_t> message_bytes_max_ = 0;  // as the session had it after the last batch

  // Core.
  Session session_;
  std::deque<std::string> waiting_;  // what has been read and not been passed in
  bool reading_ = true;              // a read is under way or waited for
  bool passing_in_ = false;
  bool closing_ = false;

  std::mutex mutex_;
  std::deque<std::string> unsent_;  // guarded by mutex_
  std::size_t front_sent_ = 0;      // of unsent_.front(); guarded by mutex_
  std::size_t unsent_bytes_ = 0;    // guarded by mutex_
  bool sending_ = false;            // somebody is, or waits to; guarded by mutex_
  bool held_back_ = false;          // go_on() waits for the peer to take more; guarded by mutex_
  bool broken_ = false;             // nothing can be sent any more; guarded by mutex_
  std::thread::id gathering_;       // passes a batch in, and sends afterwards; guarded by mutex_
};

void StreamConnection::Impl::wait_readable() {
  std::lock_guard lock(mutex_);
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](const boost::system::error_code& error) {
                           if (!error) self->on_readable();
                         });
}

void StreamConnection::Impl::on_readable() {
  if (ended_) return;
  const MutableByteView room = reader_.room();
  const ssize_t count = ::recv(socket_.get(), room.data(), room.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return wait_readable();
  if (count <= 0) return end(nullptr);
  std::vector<std::string> messages;
  const auto cut = reader_.advance(static_cast<std::size_t>(count), message_bytes_max_, messages);
  if (!cut) return end(cut.error().what);
  if (messages.empty()) return wait_readable();
  {
    std::lock_guard lock(mutex_);
    gathering_ = std::this_thread::get_id();
  }
  core_.dispatch([self = shared_from_this(), messages = std::move(messages)]() mutable {
    self->pass_in(std::move(messages));
  });
  {
    std::lock_guard lock(mutex_);
    gathering_ = {};
  }
  flush();
}

void StreamConnection::Impl::pass_in(std::vector<std::string> messages) {
  reading_ = false;
  for (std::string& message : messages) waiting_.push_back(std::move(message));
  go_on();
}

/// Passes in what has been read, and then reads on, as far as that may be. In the core.
void StreamConnection::Impl::go_on() {
  if (reading_ || passing_in_ || closing_) return;
  passing_in_ = true;  // a request that ends at once makes room at once
  while (!waiting_.empty() && may_go_on()) {
    std::string message = std::move(waiting_.front());
    waiting_.pop_front();
    const auto taken = session_.receive(std::move(message));
    if (!taken) return end(taken.error().what);
  }
  passing_in_ = false;
  if (!waiting_.empty() || !may_go_on()) return;
  message_bytes_max_ = session_.message_bytes_max();
  reading_ = true;
  wait_readable();
}

/// If not, go_on() is called when this has changed.
bool StreamConnection::Impl::may_go_on() {
  if (!session_.has_room()) return false;
  std::lock_guard lock(mutex_);
  held_back_ = unsent_bytes_ > kUnsentBytesMax;
  return !held_back_;
}

void StreamConnection::Impl::end(const char* why) {
  if (ended_.exchange(true)) return;
  if (why != nullptr) log::warn("9p: {}: {}; the connection is closed", session_.peer().name, why);
  ::shutdown(socket_.get(), SHUT_RDWR);
  core_.dispatch([self = shared_from_this()] {
    self->closing_ = true;
    close(self).detach();
  });
}

Task<> StreamConnection::Impl::close(std::shared_ptr<Impl> self) {
  co_await self->session_.close();
  {
    std::lock_guard lock(self->mutex_);
    boost::system::error_code ignored;
    self->descriptor_.cancel(ignored);
  }
  self->on_end_();
}

void StreamConnection::Impl::send(std::string reply) {
  {
    std::lock_guard lock(mutex_);
    if (broken_) return;
    unsent_bytes_ += reply.size();
    unsent_.push_back(std::move(reply));
    if (sending_ || gathering_ == std::this_thread::get_id()) return;
  }
  flush();
}

void StreamConnection::Impl::flush() {
  std::unique_lock lock(mutex_);
  if (sending_) return;
  sending_ = true;
  while (!unsent_.empty()) {
    if (!send_some(lock)) return;
  }
  sending_ = false;
}

bool StreamConnection::Impl::send_some(std::unique_lock<std::mutex>& lock) {
  iovec pieces[kPiecesPerSend];
  std::size_t count = 0;
  for (std::string& message : unsent_) {
    if (count == kPiecesPerSend) break;
    const std::size_t skip = count == 0 ? front_sent_ : 0;
    pieces[count++] = {message.data() + skip, message.size() - skip};
  }
  lock.unlock();  // only who is sending takes from the front
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = count;
  const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  const int error = errno;
  lock.lock();
  if (sent < 0) {
    if (error == EINTR) return true;
    if (error == EAGAIN) {
      wait_writable();
    } else {
      break_off();
    }
    return false;
  }
  unsent_bytes_ -= static_cast<std::size_t>(sent);
  front_sent_ += static_cast<std::size_t>(sent);
  while (!unsent_.empty() && front_sent_ >= unsent_.front().size()) {
    front_sent_ -= unsent_.front().size();
    unsent_.pop_front();
  }
  if (held_back_ && unsent_bytes_ <= kUnsentBytesMax / 2) {
    held_back_ = false;
    core_.post([self = shared_from_this()] { self->go_on(); });
  }
  return true;
}

/// Nobody sends any more. Who reads finds the end, behind what the peer has still sent; and is not
/// held back from it by what the peer has not taken.
void StreamConnection::Impl::break_off() {
  broken_ = true;
  unsent_.clear();
  unsent_bytes_ = 0;
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (!std::exchange(held_back_, false)) return;
  core_.post([self = shared_from_this()] { self->go_on(); });
}

void StreamConnection::Impl::wait_writable() {
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                         [self = shared_from_this()](const boost::system::error_code& error) {
                           if (error) return;
                           {
                             std::lock_guard lock(self->mutex_);
                             self->sending_ = false;
                           }
                           self->flush();
                         });
}

StreamConnection::StreamConnection(boost::asio::io_context& io, UniqueFd socket, Door& door,
                                   const Export& exported, Peer peer, std::function<void()> on_end)
    : impl_(std::make_shared<Impl>(io, std::move(socket), door, exported, std::move(peer),
                                   std::move(on_end))) {}
StreamConnection::~StreamConnection() { stop(); }
void StreamConnection::begin() { impl_->begin(); }
void StreamConnection::stop() { impl_->end(nullptr); }

}  // namespace cairn::p9
