#include "protocol/p9/codec.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <string>

namespace cairn::p9 {
namespace {

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Gives each field another value, so that two that were exchanged are noticed.
class Filler {
 public:
  template <class... Fields>
  void operator()(Fields&... fields) {
    (fill(fields), ...);
  }

 private:
  template <class T>
    requires std::is_unsigned_v<T>
  void fill(T& value) {
    value = static_cast<T>(0x0102030405060708U * ++number_);
  }
  void fill(std::string_view& text) {
    texts_.push_back("name-" + std::to_string(++number_));
    text = texts_.back();
  }
  void fill(Bytes& data) {
    texts_.push_back(std::string(20, '\0') + std::to_string(++number_));
    data = bytes_of(texts_.back());
  }
  void fill(Qid& qid) { (*this)(qid.type, qid.version, qid.path); }
  void fill(Time& time) { (*this)(time.seconds, time.nanoseconds); }
  template <class T>
  void fill(Few<T>& items) {
    for (int i = 0; i < 3; ++i) {
      T item;
      fill(item);
      items.push_back(item);
    }
  }

  std::uint64_t number_ = 0;
  std::deque<std::string> texts_;
};

template <class Variant>
struct Each;
template <class... Messages>
struct Each<std::variant<Messages...>> {
  /// Calls `visit` with one filled message of each kind.
  template <class F>
  static void filled(F visit) {
    (
        [&] {
          Filler filler;
          Messages message;
          Messages::visit(message, filler);
          visit(message);
        }(),
        ...);
  }
};

std::optional<Request> decode(const Request&, std::uint8_t type, Bytes body) {
  return decode_request(type, body);
}
std::optional<Reply> decode(const Reply&, std::uint8_t type, Bytes body) {
  return decode_reply(type, body);
}

template <class Any>
std::string encode(const Any& message, std::uint16_t tag = 0x1234) {
  std::string out;
  append(out, tag, message);
  return out;
}

template <class Any>
void comes_back_the_same(const Any& any) {
  const std::string message = encode(any);
  const auto header = peek_header(bytes_of(message));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->size, message.size());
  EXPECT_EQ(header->tag, 0x1234);
  const auto decoded = decode(any, header->type, bytes_of(message).subspan(kHeaderBytes));
  ASSERT_TRUE(decoded) << int{header->type};
  EXPECT_EQ(decoded->index(), any.index());
  EXPECT_EQ(encode(*decoded), message) << int{header->type};
}

template <class Any>
void is_refused_at_every_other_length(const Any& any) {
  const std::string message = encode(any);
  const auto type = static_cast<std::uint8_t>(message[4]);
  const std::string body = message.substr(kHeaderBytes);
  for (std::size_t length = 0; length < body.size(); ++length) {
    const auto decoded = decode(any, type, bytes_of(body).first(length));
    const bool old_fsync = std::holds_alternative<Request>(std::variant<Request, Reply>(any)) &&
                           type == static_cast<std::uint8_t>(MessageType::kTfsync) && length == 4;
    EXPECT_EQ(decoded.has_value(), old_fsync) << int{type} << " of " << length;
  }
  const std::string longer = body + '\0';
  const auto decoded = decode(any, type, bytes_of(longer));
  EXPECT_FALSE(decoded) << int{type};
}

TEST(P9Codec, EveryMessageComesBackTheSame) {
  Each<Request>::filled([](const auto& message) { comes_back_the_same(Request(message)); });
  Each<Reply>::filled([](const auto& message) { comes_back_the_same(Reply(message)); });
}

TEST(P9Codec, EveryMessageIsRefusedAtEveryOtherLength) {
  Each<Request>::filled(
      [](const auto& message) { is_refused_at_every_other_length(Request(message)); });
  Each<Reply>::filled(
      [](const auto& message) { is_refused_at_every_other_length(Reply(message)); });
}

bool has_no_fields(std::uint8_t type) {
  bool empty = false;
  Each<Reply>::filled([&](const auto& reply) {
    const std::string message = encode(Reply(reply));
    if (static_cast<std::uint8_t>(message[4]) == type) empty = message.size() == kHeaderBytes;
  });
  return empty;
}

TEST(P9Codec, HasOneMessageForEachTypeOf9P2000LAndOneOfOurs) {
  std::set<int> requests;
  std::set<int> replies;
  for (int type = 0; type < 256; ++type) {
    const auto byte = static_cast<std::uint8_t>(type);
    if (is_request(byte)) requests.insert(type);
    if (is_reply(byte)) replies.insert(type - 1);
    EXPECT_FALSE(decode_request(byte, {}));
    EXPECT_EQ(decode_reply(byte, {}).has_value(), is_reply(byte) && has_no_fields(byte)) << type;
  }
  EXPECT_EQ(requests,
            (std::set<int>{8,  12, 14, 16, 18, 20,  22,  24,  26,  30,  32,  40,  50,  52, 54,
                           70, 72, 74, 76, 90, 100, 102, 104, 108, 110, 116, 118, 120, 122}));
  std::set<int> answered = requests;
  answered.insert(6);  // Rlerror answers them all; there is no Tlerror
  EXPECT_EQ(replies, answered);
}

// Bytes as Linux 6.1 sends them (net/9p/client.c).
TEST(P9Codec, WritesWhatLinuxReads) {
  using namespace std::string_literals;
  EXPECT_EQ(encode(Request(Tversion{.msize = 8192, .version = kVersion}), kNoTag),
            "\x15\0\0\0\x64\xff\xff\0\x20\0\0\x08\0"
            "9P2000.L"s);
  EXPECT_EQ(encode(Request(Tattach{
                       .fid = 1, .afid = kNoFid, .uname = "u", .aname = "/a", .n_uname = 1000}),
                   1),
            "\x1a\0\0\0\x68\x01\0\x01\0\0\0\xff\xff\xff\xff\x01\0u\x02\0/a\xe8\x03\0\0"s);
  Twalk walk{.fid = 1, .newfid = 2, .names = {}};
  walk.names.push_back("ab");
  walk.names.push_back("c");
  EXPECT_EQ(encode(Request(walk), 2),
            "\x18\0\0\0\x6e\x02\0\x01\0\0\0\x02\0\0\0\x02\0\x02\0ab\x01\0c"s);
  EXPECT_EQ(encode(Reply(Rlerror{.ecode = 2}), 3), "\x0b\0\0\0\x07\x03\0\x02\0\0\0"s);
  EXPECT_EQ(encode(Request(Twrite{.fid = 5, .offset = 0x100000000, .data = bytes_of("hi")}), 4),
            "\x19\0\0\0\x76\x04\0\x05\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0hi"s);
  EXPECT_EQ(encode(Request(Tfsync{.fid = 7, .datasync = 1}), 5),
            "\x0f\0\0\0\x32\x05\0\x07\0\0\0\x01\0\0\0"s);
}

// Bytes as the guest's kernel sends and reads them (vmrunner/guest/kernel.patch).
TEST(P9Codec, WritesAWalkWithAttributesAsItEverDid) {
  using namespace std::string_literals;
  Twalkgetattr walk{.fid = 1, .newfid = kNoFid, .request_mask = 0x17FF, .names = {}};
  walk.names.push_back("ab");
  EXPECT_EQ(encode(Request(walk), 2),
            "\x1d\0\0\0\x5a\x02\0\x01\0\0\0\xff\xff\xff\xff\xff\x17\0\0\0\0\0\0\x01\0\x02\0"
            "ab"s);
  const Rgetattr attributes{.valid = 0x17FF,
                            .qid = {.type = kQidFile, .version = 3, .path = 4},
                            .mode = 0100644,
                            .uid = 5,
                            .size = 6,
                            .data_version = 7};
  const std::string reply = encode(Reply(Rwalkgetattr{.attributes = attributes}), 2);
  std::string same = encode(Reply(attributes), 2);
  EXPECT_EQ(reply.substr(0, kHeaderBytes), "\xa0\0\0\0\x5b\x02\0"s);
  same[4] = reply[4];
  EXPECT_EQ(reply, same) << "the fields of an Rgetattr";
}

TEST(P9Codec, TakesAnFsyncOfTheOlderText) {
  const std::string fid("\x07\0\0\0", 4);
  const auto decoded =
      decode_request(static_cast<std::uint8_t>(MessageType::kTfsync), bytes_of(fid));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Tfsync>(*decoded).fid, 7U);
  EXPECT_EQ(std::get<Tfsync>(*decoded).datasync, 0U);
}

TEST(P9Codec, WalksNoMoreThanSixteenNames) {
  const auto walk_of = [](MessageType type, std::size_t numbers, std::uint16_t count) {
    std::string body(numbers, '\0');
    body += static_cast<char>(count);
    body += '\0';
    for (int i = 0; i < count; ++i) body += std::string("\1\0x", 3);
    return decode_request(static_cast<std::uint8_t>(type), bytes_of(body));
  };
  EXPECT_TRUE(walk_of(MessageType::kTwalk, 8, 16));
  EXPECT_FALSE(walk_of(MessageType::kTwalk, 8, 17));
  EXPECT_TRUE(walk_of(MessageType::kTwalkgetattr, 16, 16));
  EXPECT_FALSE(walk_of(MessageType::kTwalkgetattr, 16, 17));
}

TEST(P9Codec, SaysNothingOfAHeaderThatIsNotThereYet) {
  const std::string message = encode(Request(Tclunk{.fid = 1}));
  for (std::size_t length = 0; length < kHeaderBytes; ++length) {
    EXPECT_FALSE(peek_header(bytes_of(message).first(length)));
  }
}

TEST(P9Codec, PacksDirectoryEntriesUpToTheLimit) {
  std::string data;
  const DirectoryEntry entry{.qid = {kQidDirectory, 7, 99}, .offset = 5, .type = 4, .name = "abcd"};
  constexpr std::size_t kEntryBytes = 13 + 8 + 1 + 2 + 4;
  EXPECT_TRUE(append_entry(data, entry, 2 * kEntryBytes));
  EXPECT_TRUE(append_entry(data, entry, 2 * kEntryBytes));
  EXPECT_FALSE(append_entry(data, entry, 3 * kEntryBytes - 1));
  EXPECT_EQ(data.size(), 2 * kEntryBytes);

  Bytes rest = bytes_of(data);
  for (int i = 0; i < 2; ++i) {
    const auto taken = take_entry(rest);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->qid, entry.qid);
    EXPECT_EQ(taken->offset, 5U);
    EXPECT_EQ(taken->type, 4);
    EXPECT_EQ(taken->name, "abcd");
  }
  EXPECT_FALSE(take_entry(rest));
  Bytes cut = bytes_of(data).first(kEntryBytes - 1);
  EXPECT_FALSE(take_entry(cut));
}

TEST(P9Codec, PutsTheHeadOfAReadReplyBeforeDataThatIsThereAlready) {
  std::string message(kReadReplyHeadBytes, '?');
  message += "data";
  write_read_reply_head(reinterpret_cast<std::uint8_t*>(message.data()), 9, 4);
  EXPECT_EQ(message, encode(Reply(Rread{.data = bytes_of("data")}), 9));
}

}  // namespace
}  // namespace cairn::p9
