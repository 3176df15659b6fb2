#include <gmock/gmock.h>

#include "tests/unit/web/web_fixture.h"

// WebSockets over real connections, as an independent client sees them, and what their users are
// told.

namespace cairn::web {
namespace {

using WebSocketTest = WebServerTest;
constexpr unsigned kGoingAway = 1001, kProtocolError = 1002, kBadData = 1003, kTooBig = 1009,
                   kTryLater = 1013;

TEST_F(WebSocketTest, TheHandshakeProvesThatTheServerSpeaksWebSockets) {
  WebClient one = client();
  const auto reply = one.upgrade("/ws/echo");
  EXPECT_EQ(reply.status, 101);
  EXPECT_EQ(reply.header("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455
  EXPECT_EQ(reply.header("Sec-WebSocket-Extensions"), "");
  EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff");
  events.wait_for("accepted ");
}

TEST_F(WebSocketTest, TheFirstOfOurSubprotocolsThatTheClientOffersIsSpoken) {
  WebClient both = client();
  EXPECT_EQ(both.upgrade("/ws/echo", "Sec-WebSocket-Protocol: z, a, b\r\n")
                .header("Sec-WebSocket-Protocol"),
            "b");
  events.wait_for("accepted b");
  WebClient none = client();
  EXPECT_EQ(
      none.upgrade("/ws/echo", "Sec-WebSocket-Protocol: z\r\n").header("Sec-WebSocket-Protocol"),
      "");
  events.wait_for("accepted ");
}

TEST_F(WebSocketTest, BinaryMessagesComeBackWhole) {
  WebClient one = socket();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{125}, std::size_t{126},
                                 std::size_t{65535}, std::size_t{65536}, std::size_t{1} << 20}) {
    const std::string sent(size, 'x');
    one.send_frame(WebClient::kBinary, sent);
    const auto got = one.receive_message();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->opcode, WebClient::kBinary);
    EXPECT_EQ(got->payload, sent);
  }
}

TEST_F(WebSocketTest, ManyMessagesAtOnceComeBackInOrder) {
  WebClient one = socket();
  constexpr int kMessages = 500;
  for (int i = 0; i < kMessages; ++i) one.send_frame(WebClient::kBinary, std::to_string(i));
  for (int i = 0; i < kMessages; ++i) {
    const auto got = one.receive_message();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->payload, std::to_string(i));
  }
}

TEST_F(WebSocketTest, AFragmentedMessageIsOneMessage) {
  WebClient one = socket();
  one.send_frame(WebClient::kBinary, "one ", false);
  one.send_frame(WebClient::kPing, "in between");
  one.send_frame(WebClient::kContinuation, "two ", false);
  one.send_frame(WebClient::kContinuation, "three", true);
  const auto pong = one.receive_frame();
  ASSERT_TRUE(pong);
  EXPECT_EQ(pong->opcode, WebClient::kPong);
  EXPECT_EQ(pong->payload, "in between");
  EXPECT_EQ(one.receive_message()->payload, "one two three");
}

TEST_F(WebSocketTest, WhatIsNotAllowedClosesTheConnectionAndSaysWhy) {
  struct Case {
    const char* what;
    unsigned opcode;
    std::size_t bytes;
    unsigned close_code;
  };
  constexpr std::size_t kMost = 1U << 20;
  for (const Case& wrong :
       {Case{"text", WebClient::kText, 5, kBadData},
        Case{"too big", WebClient::kBinary, kMost + 1, kTooBig},
        Case{"an unknown kind", 3, 1, kProtocolError},
        Case{"a continuation of nothing", WebClient::kContinuation, 1, kProtocolError}}) {
    WebClient one = socket();
    one.send_frame(wrong.opcode, std::string(wrong.bytes, 'x'));
    const auto got = one.receive_message();
    ASSERT_TRUE(got) << wrong.what;
    EXPECT_EQ(got->opcode, WebClient::kClose) << wrong.what;
    EXPECT_EQ(got->close_code(), wrong.close_code) << wrong.what;
    events.wait_for("closed");
  }
}

TEST_F(WebSocketTest, FragmentsThatAreTooBigTogetherAreRefused) {
  WebClient one = socket();
  for (int i = 0; i < 5; ++i) {
    one.send_frame(i == 0 ? WebClient::kBinary : WebClient::kContinuation,
                   std::string(250'000, 'x'), false);
  }
  const auto got = one.receive_message();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->close_code(), kTooBig);
}

TEST_F(WebSocketTest, AFrameThatIsNotMaskedIsRefused) {
  WebClient one = socket();
  one.send(std::string("\x82\x01x", 3));
  EXPECT_EQ(one.receive_message()->close_code(), kProtocolError);
}

TEST_F(WebSocketTest, EitherSideClosesAndTheUserIsToldOnce) {
  WebClient first = socket();
  first.send_frame(WebClient::kBinary, "close");
  // What was sent before leaves first; the echo comes after it.
  const auto goodbye = first.receive_message();
  ASSERT_TRUE(goodbye);
  if (goodbye->opcode == WebClient::kBinary) {
    EXPECT_EQ(first.receive_message()->close_code(), 1000U);
  } else {
    EXPECT_EQ(goodbye->close_code(), 1000U);
  }
  first.send_frame(WebClient::kClose, "\x03\xe8");
  EXPECT_FALSE(first.receive_frame());
  events.wait_for("closed");

  WebClient second = socket();
  second.send_frame(WebClient::kClose, "\x03\xe8");
  EXPECT_EQ(second.receive_message()->close_code(), 1000U);
  second.close();
  server->stop();
  EXPECT_EQ(events.count("closed"), 2U);
}

TEST_F(WebSocketTest, APeerThatGoesAwayForGoodIsToldApartFromOneThatIsLost) {
  WebClient gone = socket();
  gone.send_frame(WebClient::kClose, "\x03\xe9");
  EXPECT_EQ(gone.receive_message()->close_code(), kGoingAway);
  gone.close();
  events.wait_for("closed");
  EXPECT_EQ(events.count("leaving"), 1U);
  {
    WebClient normal = socket();
    normal.send_frame(WebClient::kClose, "\x03\xe8");
    WebClient lost = socket();
  }
  WebClient told = socket();
  server->stop();  // 1001 is the server's own word then
  EXPECT_EQ(events.count("closed"), 4U);
  EXPECT_EQ(events.count("leaving"), 1U);
}

TEST_F(WebSocketTest, AnAbruptEndIsAnEnd) {
  WebClient one = socket();
  one.send_frame(WebClient::kBinary, "half a message", false);
  one.close();
  events.wait_for("closed");
}

TEST_F(WebSocketTest, APeerThatDoesNotSayGoodbyeIsNotWaitedForForEver) {
  options.limits.close_timeout = std::chrono::milliseconds(50);
  WebClient one = socket();
  one.send_frame(WebClient::kBinary, "close");
  events.wait_for("closed");  // although nothing is answered
}

TEST_F(WebSocketTest, ASilentPeerIsTakenForGone) {
  options.limits.ping_every = std::chrono::milliseconds(20);
  WebClient one = socket();
  events.wait_for("closed");  // no ping was answered
}

TEST_F(WebSocketTest, APeerThatAnswersPingsStays) {
  options.limits.ping_every = std::chrono::milliseconds(20);
  WebClient one = socket();
  for (int i = 0; i < 8; ++i) {
    const auto ping = one.receive_frame();
    ASSERT_TRUE(ping);
    ASSERT_EQ(ping->opcode, WebClient::kPing);
    one.send_frame(WebClient::kPong, ping->payload);
  }
  one.send_frame(WebClient::kBinary, "still here");
  EXPECT_EQ(one.receive_message()->payload, "still here");
  EXPECT_EQ(events.count("closed"), 0U);
}

TEST_F(WebSocketTest, WhileItIsHeldBackNothingIsReadAndSilenceIsNoDeath) {
  options.limits.ping_every = std::chrono::milliseconds(20);
  WebClient one = socket();
  one.send_frame(WebClient::kBinary, "hold");
  events.wait_for("message hold");
  one.send_frame(WebClient::kBinary, "later");
  int pings = 0;
  while (pings < 10) {  // more than a silent peer may miss
    const auto frame = one.receive_frame();
    ASSERT_TRUE(frame);
    pings += frame->opcode == WebClient::kPing;
  }
  EXPECT_EQ(events.count("message later"), 0U);
  call_blocking(runtime.runtime().core, [this] { last_user.lock()->socket().hold_back(false); });
  EXPECT_EQ(one.receive_message()->payload, "later");
}

TEST_F(WebSocketTest, WhoDoesNotReadFillsTheSocketAndTheUserIsToldWhenItHasDrained) {
  start();
  WebClient one(port(), 4096);
  ASSERT_EQ(one.upgrade("/ws/echo").status, 101);
  constexpr int kMessages = 160;  // 10 MiB: more than the kernel takes
  one.send_frame(WebClient::kBinary, "flood " + std::to_string(kMessages));
  events.wait_for("full");
  EXPECT_EQ(events.count("drained"), 0U);
  for (int i = 0; i < kMessages; ++i) {
    const auto got = one.receive_message();
    ASSERT_TRUE(got);
    ASSERT_EQ(got->payload.size(), 64U << 10);
  }
  events.wait_for("drained");
  EXPECT_EQ(events.count("drained"), 1U);
}

TEST_F(WebSocketTest, StoppingTheServerClosesAllAndTellsTheirUsers) {
  WebClient one = socket();
  WebClient two = socket();
  events.wait_for("accepted ");
  options.limits.close_timeout = std::chrono::milliseconds(50);
  server->stop();
  EXPECT_EQ(events.count("closed"), events.count("accepted "));
  EXPECT_EQ(one.receive_message()->close_code(), kGoingAway);
  EXPECT_EQ(server->connections(), 0U);
}

TEST_F(WebSocketTest, AnEndWhileTheUserHasQueuedMessagesIsAnEnd) {
  start();
  WebClient one(port(), 4096);
  ASSERT_EQ(one.upgrade("/ws/echo").status, 101);
  one.send_frame(WebClient::kBinary, "flood 160");
  events.wait_for("full");
  one.close();
  events.wait_for("closed");
}

TEST_F(WebSocketTest, WhomNobodyCanServeIsAskedToTryLater) {
  refuse = true;
  WebClient one = socket();
  EXPECT_EQ(one.receive_message()->close_code(), kTryLater);
}

TEST_F(WebSocketTest, WhatIsNoRequestForAWebSocketIsAnsweredAsSuch) {
  EXPECT_EQ(client().ask("GET", "/ws/echo").status, 426);
  EXPECT_EQ(client().ask("GET", "/ws/nothing").status, 404);
  const std::string head = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  EXPECT_EQ(client().ask("GET", "/ws/echo", head + "Sec-WebSocket-Version: 8\r\n").status, 426);
  EXPECT_EQ(client()
                .ask("GET", "/ws/echo",
                     head + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n")
                .status,
            400);
}

}  // namespace
}  // namespace cairn::web
