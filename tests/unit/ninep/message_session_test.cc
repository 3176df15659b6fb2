#include "fsd/frontends/ninep/message_session.h"

#include <gmock/gmock.h>

#include "fsd/frontends/ninep/ninep_server.h"
#include "fsd/runtime/blocking.h"
#include "fsd/runtime/real_runtime.h"
#include "tests/support/fake_message_socket.h"
#include "tests/support/memory_volume.h"
#include "tests/unit/ninep/session_fixture.h"

// A session over a connection of whole messages: what is a message, and when more may come.

namespace cairn::p9 {
namespace {

using testing::FakeMessageSocket;
using ::testing::HasSubstr;

/// The type of the last reply.
int last_reply(const FakeMessageSocket& socket) {
  return socket.to_client.empty() ? 0 : peek_header(as_bytes(socket.to_client.back()))->type;
}

std::string encoded(std::uint16_t tag, const Request& request) {
  std::string message;
  append(message, tag, request);
  return message;
}
std::string version() { return encoded(kNoTag, Tversion{.msize = 8192, .version = kVersion}); }
std::string attach(std::uint16_t tag) {
  return encoded(tag, Tattach{.fid = tag, .afid = kNoFid, .n_uname = 0});
}
constexpr int kRversion = static_cast<int>(MessageType::kTversion) + 1;
constexpr int kRattach = static_cast<int>(MessageType::kTattach) + 1;

Task<> wait_for(OneShot<bool>& event) { co_await event; }

class MessageSessionTest : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    begin_session();
  }
  void begin_session() {
    socket = std::make_shared<FakeMessageSocket>();
    user = make_message_session(*door, exported, {.trusted = true, .uid = 0, .name = "test"},
                                socket, [this] { ++ends; });
  }
  ~MessageSessionTest() override {
    if (user) hang_up();
  }
  void say(std::string message) {
    sim.in_core([&] { user->on_message(std::move(message)); });
    sim.run_ready();
  }
  void hang_up() {
    sim.in_core([&] { user->on_closed(); });
    user.reset();
    sim.run_for(std::chrono::seconds(1));
  }
  std::shared_ptr<FakeMessageSocket> socket;
  std::shared_ptr<MessageSocket::User> user;
  int ends = 0;
};

TEST_F(MessageSessionTest, EachMessageIsARequest) {
  say(version());
  ASSERT_EQ(last_reply(*socket), kRversion);
  say(attach(1));
  sim.run_for(std::chrono::seconds(1));
  EXPECT_EQ(last_reply(*socket), kRattach);
  EXPECT_EQ(socket->code, 0);
  hang_up();
  EXPECT_EQ(ends, 1);
}

TEST_F(MessageSessionTest, WhatIsNotOneMessageEndsTheConnection) {
  const std::string whole = version();
  std::string long_one = attach(1);
  long_one.resize(9000, 'x');
  long_one[0] = static_cast<char>(9000 & 0xFF);
  long_one[1] = static_cast<char>(9000 >> 8);
  struct Case {
    std::string message;
    const char* reason;
  };
  for (const Case& wrong :
       {Case{"", "shorter"}, Case{whole.substr(0, 6), "shorter"},
        Case{whole.substr(0, whole.size() - 1), "not one message"},
        Case{whole + "x", "not one message"}, Case{whole + whole, "not one message"},
        Case{long_one, "longer than agreed"}, Case{attach(1), "begins with Tversion"}}) {
    hang_up();
    begin_session();
    say(wrong.message);
    EXPECT_EQ(socket->code, kCloseProtocolError) << wrong.reason;
    EXPECT_THAT(socket->reason, HasSubstr(wrong.reason));
    say(version());
    EXPECT_TRUE(socket->to_client.empty()) << "nothing is taken afterwards";
  }
}

TEST_F(MessageSessionTest, WhoDoesNotTakeHisRepliesIsNotReadFrom) {
  say(version());
  EXPECT_FALSE(socket->held_back);
  socket->unsent = MessageSocket::kUnsentBytesMax + 1;
  say(attach(1));
  EXPECT_TRUE(socket->held_back);
  EXPECT_EQ(socket->to_client.size(), 1U) << "nor is what has come passed in";
  socket->unsent = MessageSocket::kUnsentBytesMax / 2 - 1;
  sim.in_core([&] { user->on_drained(); });
  sim.run_for(std::chrono::seconds(1));
  EXPECT_FALSE(socket->held_back);
  EXPECT_EQ(last_reply(*socket), kRattach);
}

TEST_F(MessageSessionTest, WhoseRequestsHoldAllTheyMayIsNotReadFrom) {
  door->limits.requests_max = 1;
  // A request that changes something is under way until the other doors know.
  OneShot<bool> settled;
  door->settle = [&] { return wait_for(settled); };
  say(version());
  say(attach(1));
  say(encoded(2, Tmkdir{.dfid = 1, .name = "directory", .mode = 0755, .gid = 0}));
  EXPECT_TRUE(socket->held_back);
  say(attach(3));
  EXPECT_EQ(socket->to_client.size(), 2U) << "it is not passed in";
  sim.in_core([&] { settled.set(true); });
  sim.run_for(std::chrono::seconds(1));
  EXPECT_FALSE(socket->held_back);
  EXPECT_EQ(socket->to_client.size(), 4U);
}

TEST_F(MessageSessionTest, ASessionThatHasEndedTakesNothing) {
  say(version());
  const auto kept = user;
  hang_up();
  sim.in_core([&] {
    kept->on_message(attach(1));
    kept->on_drained();
  });
  EXPECT_EQ(socket->to_client.size(), 1U);
  EXPECT_EQ(ends, 1);
}

Task<std::unique_ptr<vfs::Vfs>> open_vfs(Runtime& runtime, engine::Volume& volume) {
  auto opened = co_await vfs::Vfs::open(runtime, volume, {});
  co_return std::move(*opened);
}

TEST(NinepServerOfMessages, CountsThemWithItsOwnAndEndsThemWhenItStops) {
  RealRuntime runtime({.io_threads = 1, .pool_threads = 1});
  Strand& core = runtime.runtime().core;
  testing::MemoryVolume volume;
  auto vfs = run_blocking(core, [&] { return open_vfs(runtime.runtime(), volume); });
  auto server = NinepServer::start(runtime.runtime(), runtime.io(), *vfs, {.connections_max = 1});
  ASSERT_TRUE(server);
  const auto socket = std::make_shared<FakeMessageSocket>();
  std::shared_ptr<MessageSocket::User> first;
  call_blocking(core, [&] {
    first = (*server)->accept(socket, {.trusted = true});
    EXPECT_TRUE(first);
    EXPECT_FALSE((*server)->accept(std::make_shared<FakeMessageSocket>(), {.trusted = true}));
    socket->on_close = [&] { core.post([&] { std::exchange(first, nullptr)->on_closed(); }); };
  });
  EXPECT_EQ((*server)->connections(), 1U);
  (*server)->stop();
  EXPECT_EQ((*server)->connections(), 0U);
  EXPECT_EQ(socket->code, kCloseGoingAway);
  call_blocking(core, [&] {
    EXPECT_FALSE((*server)->accept(std::make_shared<FakeMessageSocket>(), {.trusted = true}));
  });
  run_blocking(core, [&] { return vfs->stop(); });
  runtime.stop();
}

}  // namespace
}  // namespace cairn::p9
