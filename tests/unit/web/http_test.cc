#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cerrno>

#include "tests/unit/web/web_fixture.h"

// HTTP over real connections: what is read, what is answered, and what clients are not allowed.

namespace cairn::web {
namespace {

using ::testing::HasSubstr;
using HttpTest = WebServerTest;

TEST_F(HttpTest, EveryAnswerSaysWhatBrowsersMayNotDo) {
  WebClient one = client();
  for (const char* target : {"/", "/nothing", "/api/session", "/ws/echo"}) {
    const auto reply = one.ask("GET", target);
    EXPECT_THAT(reply.header("Content-Security-Policy"), HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(reply.header("Content-Security-Policy"), HasSubstr("'wasm-unsafe-eval'"));
    EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(reply.header("Cross-Origin-Opener-Policy"), "same-origin");
    EXPECT_EQ(reply.header("Cross-Origin-Embedder-Policy"), "require-corp");
    EXPECT_EQ(reply.header("Cross-Origin-Resource-Policy"), "same-origin");
    EXPECT_EQ(reply.header("Referrer-Policy"), "no-referrer");
    EXPECT_THAT(reply.header("Date"), HasSubstr(" GMT"));
  }
}

TEST_F(HttpTest, AConnectionCarriesOneRequestAfterTheOther) {
  WebClient one = client();
  const std::string request =
      "GET / HTTP/1.1\r\nHost: localhost:" + std::to_string(port()) + "\r\n\r\n";
  one.send(request + request + request);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(one.receive_reply().body, "<html>");
  EXPECT_EQ(one.ask("HEAD", "/").status, 200);
  EXPECT_EQ(one.ask("GET", "/").body, "<html>");
  EXPECT_EQ(one.ask("GET", "/", "Connection: close\r\n").header("Connection"), "close");
  EXPECT_EQ(one.receive_reply().status, 0);
}

TEST_F(HttpTest, ALargeFileComesWholeAndInParts) {
  std::string content;
  while (content.size() < 3'000'000) content += std::to_string(content.size()) + ' ';
  put("page/large.bin", content);
  WebClient one = client();
  const auto whole = one.ask("GET", "/large.bin");
  EXPECT_EQ(whole.status, 200);
  EXPECT_TRUE(whole.body == content);
  const auto part = one.ask("GET", "/large.bin", "Range: bytes=1000000-1999999\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_TRUE(part.body == content.substr(1'000'000, 1'000'000));
  const auto head = one.ask("HEAD", "/large.bin");
  EXPECT_EQ(head.header("Content-Length"), std::to_string(content.size()));
  EXPECT_EQ(one.ask("GET", "/large.bin", "If-None-Match: " + whole.header("ETag") + "\r\n").status,
            304);
  EXPECT_EQ(one.ask("GET", "/").body, "<html>");
}

TEST_F(HttpTest, AFileThatBecomesShorterMeanwhileEndsTheConnection) {
  put("page/large.bin", std::string(8 << 20, 'x'));
  start();
  WebClient one(port(), 4096);
  one.send("GET /large.bin HTTP/1.1\r\nHost: localhost:" + std::to_string(port()) + "\r\n\r\n");
  char first[1024];
  ASSERT_GT(::recv(one.fd(), first, sizeof first, 0), 0);
  std::filesystem::resize_file(directory_ / "page/large.bin", 10);
  EXPECT_THAT(one.receive_reply().body, ::testing::AnyOf("", "(cut off)"));
}

TEST_F(HttpTest, WhatIsNoRequestIsRefusedAndTheConnectionEnds) {
  struct Case {
    const char* what;
    std::string bytes;
    int status;
  };
  const std::string host = "Host: 127.0.0.1\r\n";
  for (const Case& wrong : {
           Case{"noise", "hello\r\n\r\n", 400},
           Case{"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8), 400},
           Case{"a long line", "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n", 431},
           Case{"many headers", "GET / HTTP/1.1\r\n" + std::string(20'000, 'a') + ": b\r\n\r\n",
                431},
           Case{"a long body", "POST /api/login HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", 413},
           Case{"a length that is none", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400},
           Case{"two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                400},
           Case{"a header over two lines", "GET / HTTP/1.1\r\nA\r\n: b\r\n\r\n", 400},
       }) {
    WebClient one = client();
    one.send(wrong.bytes);
    const auto reply = one.receive_reply();
    EXPECT_EQ(reply.status, wrong.status) << wrong.what;
    EXPECT_EQ(reply.header("Connection"), "close") << wrong.what;
    EXPECT_EQ(one.receive_reply().status, 0) << wrong.what;
  }
}

TEST_F(HttpTest, AHostThatCameTwiceIsNotOurs) {
  start();
  const std::string host = "Host: 127.0.0.1:" + std::to_string(port()) + "\r\n";
  EXPECT_EQ(client().ask("GET", "/", host).status, 200);
  EXPECT_EQ(client().ask("GET", "/", host + "Host: evil.example\r\n").status, 421);
  EXPECT_EQ(client().ask("GET", "/", "Host: evil.example\r\n" + host).status, 421);
  EXPECT_EQ(client().ask("GET", "http://evil.example/", host).status, 404);
}

TEST_F(HttpTest, WhoTakesTooLongForARequestIsHungUpOn) {
  options.limits.request_timeout = std::chrono::milliseconds(50);
  WebClient slow = client();
  slow.send("GET / HTTP/1.1\r\nHost:");
  EXPECT_EQ(slow.receive_reply().status, 0);
  WebClient idle = client();
  EXPECT_EQ(idle.ask("GET", "/").status, 200);
  EXPECT_EQ(idle.receive_reply().status, 0);
}

TEST_F(HttpTest, WhoDoesNotTakeAnAnswerIsHungUpOn) {
  options.limits.write_timeout = std::chrono::milliseconds(50);
  put("page/large.bin", std::string(16 << 20, 'x'));
  start();
  WebClient one(port(), 4096);
  one.send("GET /large.bin HTTP/1.1\r\nHost: localhost:" + std::to_string(port()) + "\r\n\r\n");
  WebClient other = client();
  while (server->connections() > 1) EXPECT_EQ(other.ask("GET", "/").status, 200);
}

TEST_F(HttpTest, ThereAreOnlySoManyConnections) {
  options.limits.connections_per_peer_max = 2;
  WebClient one = client();
  WebClient two = client();
  EXPECT_EQ(one.ask("GET", "/").status, 200);
  EXPECT_EQ(two.ask("GET", "/").status, 200);
  WebClient three = client();
  EXPECT_EQ(three.receive_reply().status, 0);
  EXPECT_EQ(server->connections(), 2U);
}

TEST_F(HttpTest, StoppingEndsConnectionsThatDoNothing) {
  WebClient one = client();
  EXPECT_EQ(one.ask("GET", "/").status, 200);
  WebClient two = client();
  two.send("GET / HTTP/1.1\r\n");
  server->stop();
  EXPECT_EQ(server->connections(), 0U);
  EXPECT_EQ(one.receive_reply().status, 0);
  EXPECT_EQ(two.receive_reply().status, 0);
}

TEST_F(HttpTest, LocalhostIsOursIfNobodyElseCanHaveTheOtherOfItsAddresses) {
  // Ours, somebody else's, and two ways in which a machine has no such address.
  for (const auto& [error, status] : std::vector<std::pair<int, int>>{
           {0, 200}, {EADDRINUSE, 421}, {EADDRNOTAVAIL, 200}, {EAFNOSUPPORT, 200}}) {
    SCOPED_TRACE(error);
    // Of the other address a test says what becomes of it, on whatever machine this is.
    sockets::Address asked;
    options.listen = [&asked, error](const sockets::Address& address) {
      if (address.host != "::1") return sockets::listen_tcp(address);
      asked = address;
      if (error == 0) return sockets::listen_tcp({"127.0.0.1", 0});
      return Result<sockets::ListeningSocket>(errno_error(error, "the other address"));
    };
    start();
    EXPECT_EQ(asked.host, "::1");
    EXPECT_EQ(asked.port, port());
    const auto host = [this](const std::string& name) {
      return "Host: " + name + ":" + std::to_string(port()) + "\r\n";
    };
    EXPECT_EQ(client().ask("GET", "/", host("127.0.0.1")).status, 200);
    EXPECT_EQ(client().ask("GET", "/", host("localhost")).status, status);
    const std::string origin = "Origin: http://localhost:" + std::to_string(port()) + "\r\n";
    EXPECT_EQ(client().ask("GET", "/", host("127.0.0.1") + origin).status,
              status == 200 ? 200 : 403);
    EXPECT_EQ(server->addresses().size(), 1U);
    server.reset();
  }
}

TEST_F(HttpTest, AnAddressThatIsTakenIsSaidSo) {
  start();
  options.addresses = {{"127.0.0.1", port()}};
  const auto second = WebServer::start(runtime.runtime(), runtime.io(), options);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("127.0.0.1:" + std::to_string(port())));
}

}  // namespace
}  // namespace cairn::web
