#include "protocol/resume/client.h"

#include <gtest/gtest.h>

#include <vector>

// The client on its own, with a server that the test plays. With the real one: unit/ninep/resume*.

namespace cairn::resume {
namespace {

/// A 9P message of this type and tag.
std::string message(std::uint8_t type, std::uint16_t tag) {
  return {'\x07',
          0,
          0,
          0,
          static_cast<char>(type),
          static_cast<char>(tag),
          static_cast<char>(tag >> 8U)};
}

class ResumeClientTest : public ::testing::Test {
 protected:
  /// Connects and is welcomed.
  void connect(Welcome welcome) {
    client.on_connected();
    ASSERT_TRUE(client.on_frame(encode(welcome)));
  }
  void reply(std::uint64_t number, std::uint64_t answers, std::string_view text,
             std::optional<Change> change = {}) {
    EXPECT_TRUE(client.on_frame(encode(Reply{.numbers = {.number = number},
                                             .answers = answers,
                                             .durable = {.epoch = 1, .segment = 0},
                                             .change = change,
                                             .message = text})));
  }
  template <class Frame>
  std::vector<Frame> sent_of_type() {
    std::vector<Frame> found;
    for (const std::string& bytes : sent) {
      const auto frame = decode_client_frame(bytes);
      if (frame && std::holds_alternative<Frame>(*frame)) found.push_back(std::get<Frame>(*frame));
    }
    return found;
  }

  std::vector<std::string> sent;
  std::vector<std::string> replies;
  Client client{{.kept_bytes_max = 1000},
                {.send = [this](std::string frame) { sent.push_back(std::move(frame)); },
                 .reply = [this](std::string text) { replies.push_back(std::move(text)); }}};
  const SessionId id{1};
};

TEST_F(ResumeClientTest, SendsNothingBeforeItIsWelcome) {
  client.request(message(100, 1));
  client.on_connected();
  EXPECT_EQ(sent.size(), 1U) << "the Hello";
  ASSERT_TRUE(client.on_frame(encode(Welcome{.id = id})));
  EXPECT_EQ(sent_of_type<Request>().size(), 1U);
}

TEST_F(ResumeClientTest, DoesNotBelieveAServerWhoseNumbersMakeNoSense) {
  connect({.id = id});
  client.request(message(100, 1));
  EXPECT_FALSE(client.on_frame("")) << "no frame";
  EXPECT_FALSE(client.on_frame(encode(Welcome{.id = id}))) << "a second Welcome";
  EXPECT_FALSE(client.on_frame(encode(Reply{.numbers = {.number = 2}, .answers = 1})));
  EXPECT_FALSE(client.on_frame(encode(Reply{.numbers = {.number = 1}, .answers = 9})));
  EXPECT_TRUE(replies.empty());
}

TEST_F(ResumeClientTest, DoesNotBelieveThatAnotherSessionIsItsOwn) {
  connect({.id = id});
  client.on_disconnected();
  client.on_connected();
  EXPECT_FALSE(client.on_frame(encode(Welcome{.outcome = Outcome::kResumed, .id = SessionId{2}})));
  client.on_disconnected();
  client.on_connected();
  EXPECT_FALSE(
      client.on_frame(encode(Welcome{.outcome = Outcome::kResumed, .id = id, .received = 7})))
      << "nothing was sent yet";
}

TEST_F(ResumeClientTest, AnswersWithAnErrorWhatMayHaveBeenDoneOrNot) {
  connect({.id = id});
  client.request(message(72, 0x1234));
  client.on_disconnected();
  connect({.outcome = Outcome::kRebuild, .id = id, .knows_unanswered = false});
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0], std::string("\x0B\0\0\0\x07\x34\x12\x05\0\0\0", 11)) << "Rlerror, EIO";
  EXPECT_EQ(client.unanswered(), 0U);
}

TEST_F(ResumeClientTest, SendsAgainOnlyWhatTheTermsSayIsLost) {
  connect({.id = id, .durable = {.epoch = 1, .segment = 0}});
  for (std::uint64_t i = 1; i <= 3; ++i) {
    client.request(message(72, static_cast<std::uint16_t>(i)));
    reply(i, i, message(73, static_cast<std::uint16_t>(i)),
          Change{.mark = {.epoch = 1, .segment = 9 + i, .order = 4 - i}, .redo = "redo"});
  }
  client.on_disconnected();
  sent.clear();
  // Segment 11 was the first that did not get there. What was done first is done first again.
  connect(
      {.outcome = Outcome::kRebuild,
       .id = id,
       .durable = {.epoch = 3, .segment = 44},
       .terms = {
           {.epoch = 1, .segment = 0}, {.epoch = 2, .segment = 11}, {.epoch = 3, .segment = 43}}});
  const auto replays = sent_of_type<Replay>();
  ASSERT_EQ(replays.size(), 2U);
  EXPECT_EQ(replays[0].message, message(72, 2));
  EXPECT_EQ(replays[1].message, message(72, 3));
  EXPECT_EQ(client.undurable(), 2U);
}

TEST_F(ResumeClientTest, ForgetsWhatIsDurable) {
  connect({.id = id, .durable = {.epoch = 1, .segment = 0}});
  client.request(message(72, 1));
  reply(1, 1, message(73, 1), Change{.mark = {.epoch = 1, .segment = 5, .order = 1}, .redo = "r"});
  EXPECT_TRUE(client.on_frame(encode(Durable{.epoch = 1, .segment = 5})));
  EXPECT_EQ(client.undurable(), 1U) << "all before segment 5";
  EXPECT_TRUE(client.on_frame(encode(Durable{.epoch = 1, .segment = 6})));
  EXPECT_EQ(client.undurable(), 0U);
}

TEST_F(ResumeClientTest, SaysWhatItHasGotEvenIfItHasNothingElseToSay) {
  connect({.id = id});
  for (std::uint64_t i = 1; i <= 40; ++i) client.request(message(24, 1));
  for (std::uint64_t i = 1; i <= 40; ++i) reply(i, i, message(25, 1));
  const auto received = sent_of_type<Received>();
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].received, 32U);
}

TEST_F(ResumeClientTest, KeepsTheStateThatItWasGivenAndForgetsWhatItIsTold) {
  connect({.id = id});
  client.request(message(110, 1));
  const auto say = [this](std::uint64_t number, std::vector<Item> items) {
    client.request(message(110, 1));
    ASSERT_TRUE(client.on_frame(encode(Reply{.numbers = {.number = number},
                                             .answers = number,
                                             .items = std::move(items),
                                             .message = message(111, 1)})));
  };
  const std::string version = message(101, 1) + std::string("\x00\x20\x00\x00\x00\x00", 6);
  ASSERT_TRUE(
      client.on_frame(encode(Reply{.numbers = {.number = 1}, .answers = 1, .message = version})));
  say(2, {{.key = "a", .blob = "1"}, {.key = "b", .blob = "2"}});
  say(3, {{.key = "a", .blob = ""}, {.key = "b", .blob = "3"}});
  client.on_disconnected();
  connect({.outcome = Outcome::kRebuild, .id = id});
  const auto restores = sent_of_type<Restore>();
  ASSERT_EQ(restores.size(), 2U);
  EXPECT_TRUE(restores[1].items.empty()) << "that was all";
  EXPECT_EQ(restores[0].message_bytes_max, 8192U);
  ASSERT_EQ(restores[0].items.size(), 1U);
  EXPECT_EQ(restores[0].items[0].key, "b");
  EXPECT_EQ(restores[0].items[0].blob, "3");
}

}  // namespace
}  // namespace cairn::resume
