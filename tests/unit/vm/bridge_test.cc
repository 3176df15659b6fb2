#include "vmrunner/machine/bridge.h"

#include <sys/resource.h>

#include <optional>

#include "fsd/base/bytes.h"
#include "protocol/p9/codec.h"
#include "tests/unit/vm/guest_side.h"

// Without a daemon: what becomes of the guest's buffers.

namespace cairn::vm {
namespace {

constexpr std::uint16_t kNext = 1, kWritable = 2, kIndirect = 4;
constexpr std::uint16_t kNoTag = 0xffff;
constexpr std::uint64_t kAnswers = 0xc000, kAnswerBytes = 64;

class NoRandom final : public Random {
 public:
  void fill(MutableByteView bytes) override { std::fill(bytes.begin(), bytes.end(), 0); }
};

class BridgeTest : public GuestSide {
 protected:
  void SetUp() override {
    make_directory();
    ResumingConnection::Options options;
    options.socket.url = *SocketUrl::parse("ws://127.0.0.1:1/");
    options.retry_first = options.retry_max = std::chrono::hours(1);
    bridge.emplace(io, random, options, records,
                   Bridge::Events{.on_up = [] {}, .on_down = [](const WebSocket::End&) {}});
    ASSERT_TRUE(bridge->start());
    bridge->plug(directory + "/socket", memory);
    connect_qemu();
    set_up_queue();
  }
  void TearDown() override {
    bool done = false;
    bridge->finish([&done] { done = true; });
    settle();
    EXPECT_TRUE(done);
    bridge.reset();
  }
  /// A request in one descriptor, and in the next one room for its answer.
  void send(std::uint16_t head, const std::string& message) {
    const std::uint16_t answer = head + 1;
    publish(head, message);
    describe(kDescriptors, head, kData + head * 64U, u32(message.size()), kNext, answer);
    describe(kDescriptors, answer, kAnswers + answer * kAnswerBytes, kAnswerBytes, kWritable, 0);
    ring();
  }
  void send(std::uint16_t head, std::uint16_t tag, const p9::Request& request) {
    std::string message;
    p9::append(message, tag, request);
    send(head, message);
  }
  void describe(std::uint64_t table, std::uint16_t index, std::uint64_t address, std::uint32_t size,
                std::uint16_t flags, std::uint16_t next) {
    ASSERT_TRUE(memory.write(table + index * 16U, bytes_of(address, size, flags, next)));
  }
  template <class T>
  T get(std::uint64_t address) {
    T value;
    std::memcpy(&value, memory.find(address, sizeof value), sizeof value);
    return value;
  }
  std::uint16_t given_back() { return get<std::uint16_t>(kUsed + 2); }
  std::pair<std::uint32_t, std::uint32_t> given(unsigned index) {
    return {get<std::uint32_t>(kUsed + 4 + index * 8), get<std::uint32_t>(kUsed + 8 + index * 8)};
  }
  std::string answer_of(std::uint16_t head, std::uint32_t size) {
    const auto* const at = memory.find(kAnswers + (head + 1U) * kAnswerBytes, size);
    return {reinterpret_cast<const char*>(at), size};
  }

  NoRandom random;
  const SessionRecords records{""};
  std::optional<Bridge> bridge;
};

const p9::Request kVersion = p9::Tversion{.msize = 8192, .version = "9P2000.L"};
using Given = std::pair<std::uint32_t, std::uint32_t>;

TEST_F(BridgeTest, RequestsWaitForTheDaemonInTheirBuffers) {
  send(0, kNoTag, kVersion);
  send(2, 1, p9::Tclunk{.fid = 1});
  EXPECT_EQ(bridge->unanswered(), 2U);
  EXPECT_EQ(given_back(), 0);
}

TEST_F(BridgeTest, WithoutAMountThereIsAnErrorAndNotAWaitWithoutEnd) {
  send(0, 7, p9::Tclunk{.fid = 1});
  EXPECT_EQ(bridge->unanswered(), 0U);
  ASSERT_EQ(given_back(), 1);
  EXPECT_EQ(given(0), Given(0, 11));
  std::string expected;
  p9::append(expected, 7, p9::Rlerror{.ecode = EIO});
  EXPECT_EQ(answer_of(0, 11), expected);
}

TEST_F(BridgeTest, ANewMountGivesBackWhatTheOneBeforeWaitsFor) {
  send(0, kNoTag, kVersion);
  send(2, 1, p9::Tclunk{.fid = 1});
  send(4, kNoTag, kVersion);
  EXPECT_EQ(bridge->unanswered(), 1U);
  ASSERT_EQ(given_back(), 2);
  EXPECT_EQ(given(0), Given(2, 0));
  EXPECT_EQ(given(1), Given(0, 0));
}

TEST_F(BridgeTest, ATagThatIsTakenAndWhatIsNo9PGoNowhere) {
  send(0, kNoTag, kVersion);
  send(2, 1, p9::Tclunk{.fid = 1});
  send(4, 1, p9::Tclunk{.fid = 2});
  send(6, "short");
  EXPECT_EQ(bridge->unanswered(), 2U);
  ASSERT_EQ(given_back(), 2);
  EXPECT_EQ(given(0), Given(4, 0));
  EXPECT_EQ(given(1), Given(6, 0));
}

TEST_F(BridgeTest, AMessageThatSaysMoreThanItHasGoesNowhere) {
  send(0, kNoTag, kVersion);
  std::string message;
  p9::append(message, 3, p9::Tclunk{.fid = 1});
  message[0] = static_cast<char>(message.size() + 1);
  send(2, message);
  EXPECT_EQ(bridge->unanswered(), 1U);
  EXPECT_EQ(given_back(), 1);
}

TEST_F(BridgeTest, OfBuffersWithoutEndNoMoreIsReadThanAMessage) {
  send(0, kNoTag, kVersion);
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  constexpr std::uint16_t kPieces = 1024;
  constexpr std::uint64_t kTable = 0x10000;
  for (std::uint16_t i = 0; i < kPieces; ++i) {
    describe(kTable, i, 0, kMemoryBytes, i + 1 < kPieces ? kNext : 0, i + 1);
  }
  publish(2, "");
  describe(kDescriptors, 2, kTable, kPieces * 16U, kIndirect, 0);
  ring();
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64L << 10);  // KiB
  EXPECT_EQ(given_back(), 1);
}

}  // namespace
}  // namespace cairn::vm
