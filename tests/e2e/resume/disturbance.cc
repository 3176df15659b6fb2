#include "tests/e2e/resume/disturbance.h"

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>

#include "tests/e2e/resume/caller.h"

namespace cairn::e2e {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// One connection, both ways.
class Disturbance::Pair : public std::enable_shared_from_this<Pair> {
 public:
  Pair(Disturbance& owner, tcp::socket client)
      : owner_(owner), client_(std::move(client)), server_(client_.get_executor()) {}

  void begin(unsigned short port) {
    server_.async_connect({asio::ip::address_v4::loopback(), port},
                          [self = shared_from_this()](const error_code& error) {
                            if (error) return self->end();
                            error_code ignored;
                            self->server_.set_option(tcp::no_delay(true), ignored);
                            self->client_.set_option(tcp::no_delay(true), ignored);
                            self->pump(self->client_, self->server_, self->up_);
                            self->pump(self->server_, self->client_, self->down_);
                          });
  }
  /// With a reset, so that nothing that is under way arrives.
  void end() {
    error_code ignored;
    for (tcp::socket* socket : {&client_, &server_}) {
      socket->set_option(asio::socket_base::linger(true, 0), ignored);
      socket->close(ignored);
    }
    owner_.pairs_.erase(shared_from_this());
  }

 private:
  using Buffer = std::array<char, 65536>;
  void pump(tcp::socket& from, tcp::socket& to, Buffer& buffer) {
    from.async_read_some(asio::buffer(buffer), [self = shared_from_this(), &from, &to, &buffer](
                                                   const error_code& error, std::size_t count) {
      if (error) return self->end();
      self->pass_on(from, to, buffer, 0, count);
    });
  }
  /// Not all of these bytes, if something happens meanwhile that ends the connection.
  void pass_on(tcp::socket& from, tcp::socket& to, Buffer& buffer, std::size_t begin,
               std::size_t end_at) {
    if (begin == end_at) return pump(from, to, buffer);
    const std::size_t passing = owner_.bytes_until_mishap(end_at - begin);
    asio::async_write(to, asio::buffer(buffer.data() + begin, passing),
                      [self = shared_from_this(), &from, &to, &buffer, begin, end_at](
                          const error_code& error, std::size_t written) {
                        self->owner_.passed(written);
                        if (error || !self->client_.is_open()) return self->end();
                        self->pass_on(from, to, buffer, begin + written, end_at);
                      });
  }

  Disturbance& owner_;
  tcp::socket client_;
  tcp::socket server_;
  Buffer up_{};
  Buffer down_{};
};

Disturbance::Disturbance(asio::io_context& io, Daemon& daemon)
    : io_(io), daemon_(daemon), acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
  accept();
}

Disturbance::~Disturbance() { cut(); }

std::string Disturbance::url() const {
  return "ws://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/ws/9p";
}

void Disturbance::start() {
  daemon_.start([this] { ready_ = true; });
  while (!ready_) io_.run_one();
}

void Disturbance::set(std::deque<Mishap> mishaps) {
  mishaps_ = std::move(mishaps);
  for (Mishap& mishap : mishaps_) mishap.after_bytes += bytes_;
}

void Disturbance::accept() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (error) return;
    if (ready_) {
      const auto pair = std::make_shared<Pair>(*this, std::move(socket));
      pairs_.insert(pair);
      pair->begin(daemon_.port());
    }
    accept();
  });
}

std::size_t Disturbance::bytes_until_mishap(std::size_t count) const {
  if (mishaps_.empty() || mishaps_.front().after_bytes <= bytes_) return count;
  return std::min<std::uint64_t>(count, mishaps_.front().after_bytes - bytes_);
}

void Disturbance::passed(std::size_t count) {
  bytes_ += count;
  if (!ready_ || mishaps_.empty() || bytes_ < mishaps_.front().after_bytes) return;
  const Mishap mishap = mishaps_.front();
  mishaps_.pop_front();
  happen(mishap.kind);
}

void Disturbance::happen(Mishap::Kind kind) {
  const auto start = [this] {
    cut();
    daemon_.start([this] { ready_ = true; });
  };
  if (kind == Mishap::Kind::kCut) return cut();
  ready_ = false;
  if (kind == Mishap::Kind::kTerm) return daemon_.stop(start);
  daemon_.kill_hard();
  start();
}

void Disturbance::cut() {
  while (!pairs_.empty()) (*pairs_.begin())->end();
}

void Disturbance::stop() {
  ready_ = false;
  bool stopped = false;
  daemon_.stop([&stopped] { stopped = true; });
  while (!stopped) io_.run_one();
  cut();
}

}  // namespace cairn::e2e
