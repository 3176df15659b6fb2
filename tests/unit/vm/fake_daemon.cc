#include "tests/unit/vm/fake_daemon.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "fsd/base/hex.h"

namespace cairn::vm {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

class FakeDaemon::Server {
 public:
  explicit Server(std::uint16_t end_code) : end_code_(end_code) {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Server() {
    io_.stop();
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void vanish() {
    std::promise<void> done;
    asio::post(io_, [this, &done] {
      acceptor_.close();
      for (const auto& connection : connections_) {
        error_code ignored;
        connection->socket.next_layer().close(ignored);
      }
      done.set_value();
    });
    done.get_future().wait();
  }
  std::vector<std::string> heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  struct Connection {
    explicit Connection(tcp::socket from) : socket(std::move(from)) {}
    websocket::stream<tcp::socket> socket;
    beast::flat_buffer incoming;
    std::string outgoing;
  };
  using Shared = std::shared_ptr<Connection>;

  void accept() {
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
      if (error) return;
      const auto made = std::make_shared<Connection>(std::move(socket));
      connections_.insert(made);
      made->socket.binary(true);
      made->socket.set_option(
          websocket::stream_base::decorator([](websocket::response_type& reply) {
            reply.set(beast::http::field::sec_websocket_protocol, resume::kSubprotocol);
          }));
      made->socket.async_accept(
          [this, made](const error_code& failed) { failed ? drop(made) : read(made); });
      accept();
    });
  }
  void drop(const Shared& connection) { connections_.erase(connection); }
  void read(const Shared& from) {
    from->socket.async_read(from->incoming, [this, from](const error_code& error, std::size_t) {
      if (error) return drop(from);
      const auto frame =
          resume::decode_client_frame(beast::buffers_to_string(from->incoming.data()));
      from->incoming.consume(from->incoming.size());
      if (frame && std::holds_alternative<resume::Hello>(*frame)) return welcome(from);
      if (frame && std::holds_alternative<resume::End>(*frame)) {
        return end(from, std::get<resume::End>(*frame).id);
      }
      if (frame && std::holds_alternative<resume::Bye>(*frame)) note("bye");
      read(from);
    });
  }
  void welcome(const Shared& to) {
    note("hello");
    resume::Welcome frame;
    frame.id[0] = next_id_++;
    to->outgoing = resume::encode(resume::ServerFrame(frame));
    to->socket.async_write(
        asio::buffer(to->outgoing),
        [this, to](const error_code& error, std::size_t) { error ? drop(to) : read(to); });
  }
  void end(const Shared& from, const resume::SessionId& id) {
    note("end " + to_hex(id));
    if (end_code_ == 0) return;
    from->socket.async_close(static_cast<websocket::close_code>(end_code_),
                             [this, from](const error_code&) { drop(from); });
  }
  void note(const std::string& what) {
    const std::lock_guard lock(mutex_);
    heard_.push_back(what);
  }

  const std::uint16_t end_code_;
  asio::io_context io_;
  tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
  const std::string url_ =
      "ws://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/ws/9p";
  std::set<Shared> connections_;
  std::uint8_t next_id_ = kFirstId;
  mutable std::mutex mutex_;
  std::vector<std::string> heard_;
  std::thread thread_;
};

FakeDaemon::FakeDaemon(std::uint16_t end_code) : server_(std::make_unique<Server>(end_code)) {}
FakeDaemon::~FakeDaemon() = default;
const std::string& FakeDaemon::url() const { return server_->url(); }
void FakeDaemon::vanish() { server_->vanish(); }
std::vector<std::string> FakeDaemon::heard() const { return server_->heard(); }

}  // namespace cairn::vm
