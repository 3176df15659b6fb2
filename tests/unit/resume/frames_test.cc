#include "protocol/resume/frames.h"

#include <gtest/gtest.h>

namespace cairn::resume {
namespace {

SessionId an_id() {
  SessionId id{};
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(i + 1);
  return id;
}

/// One of each, with the bytes that it has had since version 1.
template <class Frame>
struct Case {
  const char* name;
  Frame frame;
  std::string_view hex;
};
const std::vector<Case<ClientFrame>> kClientCases{
    {"Hello", Hello{.id = an_id(), .sent = 5, .received = 6, .began = {.epoch = 7, .segment = 8}},
     "0101"
     "0102030405060708090a0b0c0d0e0f10"
     "0500000000000000"
     "0600000000000000"
     "0700000000000000"
     "0800000000000000"},
    {"Request", Request{.numbers = {.number = 1, .received = 2}, .message = "abc"},
     "02"
     "0100000000000000"
     "0200000000000000"
     "616263"},
    {"Replay", Replay{.numbers = {.number = 3, .received = 4}, .redo = "redo", .message = "abc"},
     "03"
     "0300000000000000"
     "0400000000000000"
     "04000000"
     "7265646f"
     "616263"},
    {"Restore",
     Restore{.numbers = {.number = 9, .received = 0},
             .message_bytes_max = 8192,
             .items = {{.key = "k", .blob = "blob"}},
             .lost = {11}},
     "04"
     "0900000000000000"
     "0000000000000000"
     "00200000"
     "01000000"
     "016b"
     "04000000"
     "626c6f62"
     "01000000"
     "0b00000000000000"},
    {"Received", Received{.received = 12},
     "05"
     "0c00000000000000"},
    {"Commit", Commit{}, "06"},
    {"Bye", Bye{}, "07"},
    {"End", End{.id = an_id()},
     "08"
     "0102030405060708090a0b0c0d0e0f10"},
};

const std::vector<Case<ServerFrame>> kServerCases{
    {"Welcome",
     Welcome{.outcome = Outcome::kRebuild,
             .id = an_id(),
             .received = 3,
             .grace_seconds = 120,
             .knows_unanswered = false,
             .began = {.epoch = 1, .segment = 2},
             .durable = {.epoch = 3, .segment = 4},
             .terms = {{.epoch = 3, .segment = 40}},
             .kept = {{.answers = 7, .reply = "reply"}}},
     "8101"
     "02"
     "0102030405060708090a0b0c0d0e0f10"
     "0300000000000000"
     "78000000"
     "00"
     "0100000000000000"
     "0200000000000000"
     "0300000000000000"
     "0400000000000000"
     "01000000"
     "0300000000000000"
     "2800000000000000"
     "01000000"
     "0700000000000000"
     "05000000"
     "7265706c79"},
    {"Reply that changed something",
     Reply{.numbers = {.number = 1, .received = 2},
           .answers = 3,
           .durable = {.epoch = 4, .segment = 5},
           .change = Change{.mark = {.epoch = 4, .segment = 6, .order = 7}, .redo = "r"},
           .items = {{.key = "k", .blob = ""}},
           .message = "abc"},
     "82"
     "0100000000000000"
     "0200000000000000"
     "0300000000000000"
     "0400000000000000"
     "0500000000000000"
     "01"
     "0400000000000000"
     "0600000000000000"
     "0700000000000000"
     "01000000"
     "72"
     "01000000"
     "016b"
     "00000000"
     "616263"},
    {"Reply without a message", Reply{.numbers = {.number = 1, .received = 2}, .answers = 3},
     "82"
     "0100000000000000"
     "0200000000000000"
     "0300000000000000"
     "0000000000000000"
     "0000000000000000"
     "00"
     "00000000"},
    {"Restored",
     Restored{.numbers = {.number = 1, .received = 2},
              .answers = 3,
              .failures = {{.key = "k", .error = 116}}},
     "83"
     "0100000000000000"
     "0200000000000000"
     "0300000000000000"
     "01000000"
     "016b"
     "74000000"},
    {"Durable", Durable{.epoch = 1, .segment = 2},
     "84"
     "0100000000000000"
     "0200000000000000"},
};

std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex.push_back(kDigits[static_cast<std::uint8_t>(byte) >> 4U]);
    hex.push_back(kDigits[static_cast<std::uint8_t>(byte) & 15U]);
  }
  return hex;
}

template <class Frame>
std::size_t message_bytes_of(const Frame& frame) {
  return std::visit(
      [](const auto& one) -> std::size_t {
        if constexpr (requires { one.message; }) return one.message.size();
        return 0;
      },
      frame);
}

/// Whatever is decoded is encoded to the same bytes; what is cut off is refused, but for a message
/// at the end, which is as long as it is. Nor does the other side say such things.
template <class Frame, class Decode, class DecodeOther>
void check(const std::vector<Case<Frame>>& cases, const Decode& decode,
           const DecodeOther& decode_other) {
  for (const auto& [name, frame, hex] : cases) {
    SCOPED_TRACE(name);
    const std::string bytes = encode(frame);
    EXPECT_EQ(to_hex(bytes), hex);
    const auto decoded = decode(bytes);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(encode(*decoded), bytes);
    for (std::size_t length = 0; length < bytes.size() - message_bytes_of(frame); ++length) {
      EXPECT_FALSE(decode(std::string_view(bytes).substr(0, length))) << length;
    }
    EXPECT_FALSE(decode_other(bytes));
  }
}

TEST(ResumeFrames, OfTheClientHaveTheBytesThatTheyHaveAlwaysHad) {
  check(kClientCases, decode_client_frame, decode_server_frame);
}

TEST(ResumeFrames, OfTheServerHaveTheBytesThatTheyHaveAlwaysHad) {
  check(kServerCases, decode_server_frame, decode_client_frame);
}

TEST(ResumeFrames, AreRefusedWithWhatNobodySays) {
  const auto client = [](const ClientFrame& frame, std::size_t at, char byte) {
    std::string bytes = encode(frame);
    bytes[at] = byte;
    return decode_client_frame(bytes).has_value();
  };
  EXPECT_FALSE(client(Hello{}, 1, 2)) << "another version";
  EXPECT_FALSE(client(Request{.numbers = {.number = 1}}, 1, 0)) << "frames count from 1";
  EXPECT_FALSE(client(Commit{}, 0, 8)) << "no such type";
  EXPECT_FALSE(client(Restore{.numbers = {.number = 1}}, 21, '\xFF')) << "more items than bytes";
  EXPECT_FALSE(decode_client_frame(encode(Bye{}) + "x"));
  const std::string too_long(kBlobBytesMax + 1, 'x');
  EXPECT_FALSE(decode_client_frame(encode(Replay{.numbers = {.number = 1}, .redo = too_long})));
  EXPECT_FALSE(decode_client_frame(
      encode(Restore{.numbers = {.number = 1}, .items = {{.key = "", .blob = "blob"}}})));
  std::string welcome = encode(Welcome{});
  welcome[2] = 3;
  EXPECT_FALSE(decode_server_frame(welcome)) << "no such outcome";
}

TEST(ResumeFrames, GetTheirNumbersWhenTheyLeave) {
  std::string frame = encode(Reply{.numbers = {.number = 1, .received = 0}, .message = "abc"});
  patch_number(frame, 300);
  patch_received(frame, 7);
  const auto decoded = decode_server_frame(frame);
  ASSERT_TRUE(decoded);
  const auto& reply = std::get<Reply>(*decoded);
  EXPECT_EQ(reply.numbers.number, 300U);
  EXPECT_EQ(reply.numbers.received, 7U);
  EXPECT_EQ(reply.message, "abc");
}

}  // namespace
}  // namespace cairn::resume
