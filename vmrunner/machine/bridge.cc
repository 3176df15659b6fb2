#include "vmrunner/machine/bridge.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <utility>

#include "fsd/base/bytes.h"
#include "fsd/base/log.h"
#include "fsd/frontends/sockets/socket_ends.h"
#include "protocol/p9/codec.h"

namespace cairn::vm {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {
constexpr std::size_t kReadBytes = 256U << 10;
constexpr std::size_t kMessageBytesMax = (1U << 20) + p9::kIoHeadBytes;
}  // namespace

/// One connection of the guest's, and its session with the daemon.
class Bridge::Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(Bridge& owner)
      : owner_(owner),
        guest_(owner.io_),
        link_(owner.io_, owner.random_, owner.options_,
              {.reply = [this](std::string message) { send(std::move(message)); },
               .on_up = owner.events_.on_up,
               .on_down = owner.events_.on_down}) {}

  Result<void> start() { return link_.start(); }
  void attach(tcp::socket guest) {
    guest_ = std::move(guest);
    error_code ignored;
    guest_.set_option(tcp::no_delay(true), ignored);
    read_on();
  }
  void finish() {
    if (std::exchange(finishing_, true)) return;
    error_code ignored;
    guest_.close(ignored);
    link_.finish([self = shared_from_this()] {
      asio::post(self->owner_.io_, [self] { self->owner_.on_finished(self); });
    });
  }
  [[nodiscard]] const resume::Client::Counts& counts() const { return link_.client().counts(); }

 private:
  void read_on() {
    const std::size_t had = incoming_.size();
    incoming_.resize(had + kReadBytes);
    guest_.async_read_some(
        asio::buffer(incoming_.data() + had, kReadBytes),
        [self = shared_from_this(), had](const error_code& error, std::size_t count) {
          if (error) return self->finish();
          self->incoming_.resize(had + count);
          if (!self->take_messages()) return self->finish();
          self->read_on();
        });
  }

  /// False: that is no 9P.
  bool take_messages() {
    std::size_t at = 0;
    for (;;) {
      const std::string_view rest = std::string_view(incoming_).substr(at);
      const auto header = p9::peek_header(as_bytes(rest));
      if (!header) break;
      if (header->size < p9::kHeaderBytes || header->size > kMessageBytesMax) return false;
      if (rest.size() < header->size) break;
      link_.request(std::string(rest.substr(0, header->size)));
      at += header->size;
    }
    incoming_.erase(0, at);
    return true;
  }

  void send(std::string message) {
    outgoing_.push_back(std::move(message));
    write_on();
  }
  /// All that is there at once.
  void write_on() {
    if (!leaving_.empty() || outgoing_.empty() || finishing_) return;
    leaving_.swap(outgoing_);
    std::vector<asio::const_buffer> buffers;
    for (const std::string& message : leaving_) buffers.push_back(asio::buffer(message));
    asio::async_write(guest_, buffers,
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                        self->leaving_.clear();
                        if (error) return self->finish();
                        self->write_on();
                      });
  }

  Bridge& owner_;
  tcp::socket guest_;
  ResumingConnection link_;
  std::string incoming_;
  std::deque<std::string> outgoing_;
  std::deque<std::string> leaving_;
  bool finishing_ = false;
};

Bridge::Bridge(asio::io_context& io, Random& random, ResumingConnection::Options options,
               Events events)
    : io_(io),
      random_(random),
      options_(std::move(options)),
      events_(std::move(events)),
      acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
  accept();
}

Bridge::~Bridge() = default;

std::shared_ptr<Bridge::Session> Bridge::make() {
  auto session = std::make_shared<Session>(*this);
  sessions_.insert(session);
  return session;
}

Result<void> Bridge::start() {
  next_ = make();
  return next_->start();
}

void Bridge::accept() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (error) return;
    const auto ends = sockets::find_ends(socket.native_handle());
    if (ends && ends->uid == geteuid()) {
      auto session = std::exchange(next_, nullptr);
      Result<void> started;
      if (!session) {
        session = make();
        started = session->start();
      }
      if (started) session->attach(std::move(socket));
    } else {
      log::warn("somebody else tried to connect to the machine's port for 9P");
    }
    accept();
  });
}

void Bridge::on_finished(const std::shared_ptr<Session>& session) {
  sessions_.erase(session);
  if (sessions_.empty() && done_) std::exchange(done_, nullptr)();
}

void Bridge::finish(std::function<void()> done) {
  error_code ignored;
  acceptor_.close(ignored);
  if (sessions_.empty()) return done();
  done_ = std::move(done);
  const auto sessions = sessions_;
  for (const auto& session : sessions) session->finish();
}

resume::Client::Counts Bridge::counts() const {
  resume::Client::Counts all;
  for (const auto& session : sessions_) {
    const auto& one = session->counts();
    all.resumed += one.resumed;
    all.rebuilt += one.rebuilt;
    all.sent_again += one.sent_again;
    all.lost += one.lost;
    all.stale += one.stale;
  }
  return all;
}

}  // namespace cairn::vm
