#include "vmrunner/link/web_socket.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <optional>

// Against a server of Beast's in the same io_context, which does as it is told.

namespace cairn::vm {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;
using End = WebSocket::End;

class WebSocketTest : public ::testing::Test {
 protected:
  /// Takes one connection and reads its request; `then` goes on.
  void serve(std::function<void()> then) {
    acceptor.async_accept([this, then](const error_code& error, asio::ip::tcp::socket socket) {
      ASSERT_FALSE(error);
      server.emplace(std::move(socket));
      http::async_read(server->next_layer(), buffer, request,
                       [then](const error_code& failed, std::size_t) {
                         ASSERT_FALSE(failed);
                         then();
                       });
    });
  }
  void answer(http::status status) {
    response = {status, 11};
    response.prepare_payload();
    http::async_write(server->next_layer(), response, [](const error_code&, std::size_t) {});
  }
  void accept(const std::string& subprotocol, std::function<void()> then) {
    server->set_option(
        websocket::stream_base::decorator([subprotocol](websocket::response_type& reply) {
          reply.set(http::field::sec_websocket_protocol, subprotocol);
        }));
    server->binary(true);
    server->async_accept(request, [then](const error_code& error) {
      ASSERT_FALSE(error);
      then();
    });
  }
  /// Each message comes back.
  void echo() {
    server->async_read(echoed, [this](const error_code& error, std::size_t) {
      if (error) return;
      server->async_write(echoed.data(), [this](const error_code& failed, std::size_t) {
        echoed.consume(echoed.size());
        if (!failed) echo();
      });
    });
  }

  void connect() {
    WebSocket::Options options;
    options.url = *SocketUrl::parse(
        "ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/x");
    options.subprotocol = "ours";
    options.token = "secret";
    options.handshake_timeout = std::chrono::milliseconds(300);
    options.silence_max = std::chrono::milliseconds(200);
    auto made = WebSocket::connect(
        io, options,
        {.on_open = [this] { opened = true; },
         .on_message = [this](std::string message) { messages.push_back(std::move(message)); },
         .on_end =
             [this](const End& why) {
               EXPECT_FALSE(end);
               end = why;
             }});
    ASSERT_TRUE(made);
    socket = *made;
  }
  void run_until(const std::function<bool()>& is_true) {
    while (!is_true()) ASSERT_GT(io.run_one_for(std::chrono::seconds(20)), 0U);
  }
  void run_to_end() {
    run_until([this] { return end.has_value(); });
  }

  asio::io_context io;
  asio::ip::tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
  std::optional<websocket::stream<asio::ip::tcp::socket>> server;
  beast::flat_buffer buffer, echoed;
  http::request<http::string_body> request;
  http::response<http::empty_body> response;
  std::shared_ptr<WebSocket> socket;
  bool opened = false;
  std::vector<std::string> messages;
  std::optional<End> end;
};

TEST_F(WebSocketTest, CarriesMessagesInOrderBothWays) {
  serve([this] { accept("ours", [this] { echo(); }); });
  connect();
  std::vector<std::string> sent;
  for (int i = 0; i < 50; ++i) {
    sent.emplace_back(i * 1000, static_cast<char>(i));
    socket->send(sent.back());
  }
  run_until([this] { return messages.size() == 50; });
  EXPECT_EQ(messages, sent);
  EXPECT_EQ(socket->unsent_bytes(), 0U);
  EXPECT_EQ(request[http::field::authorization], "Bearer secret");
  EXPECT_EQ(request[http::field::sec_websocket_protocol], "ours");
  EXPECT_EQ(request.target(), "/x");
  socket->close(1000);
  run_to_end();
  EXPECT_EQ(end->kind, End::Kind::kClosed);
  EXPECT_EQ(end->close_code, 1000);
}

TEST_F(WebSocketTest, TellsWhyTheServerHasClosed) {
  serve([this] {
    accept("ours", [this] {
      server->async_close({websocket::close_code::protocol_error, "no"}, [](const error_code&) {});
    });
  });
  connect();
  run_to_end();
  EXPECT_EQ(end->kind, End::Kind::kClosed);
  EXPECT_EQ(end->close_code, 1002);
  EXPECT_EQ(end->text, "no");
}

TEST_F(WebSocketTest, AnAnswerOfHttpIsARefusal) {
  serve([this] { answer(http::status::unauthorized); });
  connect();
  run_to_end();
  EXPECT_EQ(end->kind, End::Kind::kRefused);
  EXPECT_EQ(end->http_status, 401U);
  EXPECT_NE(end->message().find("--token-file"), std::string::npos);
}

TEST_F(WebSocketTest, AServerOfAnotherProtocolIsNotOurs) {
  serve([this] { accept("another", [] {}); });
  connect();
  run_to_end();
  EXPECT_EQ(end->kind, End::Kind::kNotOurs);
  EXPECT_FALSE(opened);
}

TEST_F(WebSocketTest, AServerThatDoesNotAnswerIsGivenUp) {
  serve([] {});
  connect();
  run_to_end();
  EXPECT_EQ(end->kind, End::Kind::kUnreachable);
}

TEST_F(WebSocketTest, APeerThatFallsSilentIsNoticed) {
  serve([this] { accept("ours", [] {}); });  // it never reads: our pings are not answered
  connect();
  run_until([this] { return opened; });
  run_to_end();
  EXPECT_EQ(end->kind, End::Kind::kUnreachable);
}

TEST_F(WebSocketTest, NobodyThereIsSaid) {
  acceptor.close();
  acceptor.open(asio::ip::tcp::v4());
  acceptor.bind({asio::ip::address_v4::loopback(), 0});  // and does not listen
  connect();
  run_to_end();
  EXPECT_EQ(end->kind, End::Kind::kUnreachable);
}

TEST_F(WebSocketTest, NothingComesAfterItWasAbandoned) {
  serve([this] { accept("ours", [this] { echo(); }); });
  connect();
  run_until([this] { return opened; });
  socket->send("x");
  socket->abandon();
  server.reset();
  io.run_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(messages.empty());
  EXPECT_FALSE(end);
}

TEST_F(WebSocketTest, NothingComesAfterItWasAbandonedWhileItsEndIsOnTheWay) {
  acceptor.close();
  acceptor.open(asio::ip::tcp::v4());
  acceptor.bind({asio::ip::address_v4::loopback(), 0});  // and does not listen
  for (int steps = 0; !end; ++steps) {  // one more each time, until the end has come by itself
    connect();
    for (int i = 0; i < steps && !end; ++i) ASSERT_EQ(io.run_one_for(std::chrono::seconds(20)), 1U);
    if (end) break;
    socket->abandon();
    io.run();
    ASSERT_FALSE(end) << "after " << steps << " steps";
    io.restart();
  }
}

TEST_F(WebSocketTest, AFileOfCertificatesThatIsNotThereIsSaid) {
  WebSocket::Options options;
  options.url = *SocketUrl::parse("wss://127.0.0.1:1");
  options.ca_file = "/nowhere";
  EXPECT_FALSE(WebSocket::connect(io, options, {}));
}

}  // namespace
}  // namespace cairn::vm
