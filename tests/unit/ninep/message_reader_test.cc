#include "fsd/frontends/ninep/message_reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "protocol/p9/codec.h"
#include "tests/unit/vfs/vfs_fixture.h"

namespace cairn::p9 {
namespace {

using vfs::FailsWith;
using vfs::Succeeds;

std::string message_of(std::size_t size, char fill) {
  std::string message;
  append(message, 1, Request(Twrite{.fid = 1, .data = {}}));
  message.resize(size, fill);
  for (int i = 0; i < 4; ++i) message[i] = static_cast<char>(size >> (8 * i));
  return message;
}

/// Feeds `stream` in pieces of at most `piece` bytes.
std::vector<std::string> cut(const std::string& stream, std::size_t piece) {
  MessageReader reader;
  std::vector<std::string> messages;
  for (std::size_t at = 0; at < stream.size();) {
    const MutableByteView room = reader.room();
    EXPECT_FALSE(room.empty());
    const std::size_t count = std::min({piece, room.size(), stream.size() - at});
    std::memcpy(room.data(), stream.data() + at, count);
    at += count;
    EXPECT_THAT(reader.advance(count, 2U << 20, messages), Succeeds());
  }
  return messages;
}

TEST(MessageReader, CutsAStreamIntoTheMessagesItIsMadeOf) {
  std::vector<std::string> sent;
  std::string stream;
  char fill = 'a';
  for (const std::size_t size : {7, 8, 100, 65535, 65536, 65537, 9, 1 << 20, 7, 300'000, 11}) {
    sent.push_back(message_of(size, fill++));
    stream += sent.back();
  }
  for (const std::size_t piece : {1U, 3U, 7U, 4096U, 65536U, 1U << 30}) {
    EXPECT_EQ(cut(stream, piece), sent) << piece;
  }
}

TEST(MessageReader, RefusesSizesThatNoMessageHas) {
  for (const std::uint32_t size : {0U, 6U, 8193U, 0xFFFFFFFFU}) {
    MessageReader reader;
    std::string message = message_of(100, 'x');
    for (int i = 0; i < 4; ++i) message[i] = static_cast<char>(size >> (8 * i));
    std::memcpy(reader.room().data(), message.data(), message.size());
    std::vector<std::string> messages;
    EXPECT_THAT(reader.advance(message.size(), 8192, messages), FailsWith(EPROTO)) << size;
    EXPECT_TRUE(messages.empty());
  }
}

}  // namespace
}  // namespace cairn::p9
