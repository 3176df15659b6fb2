#include "vmrunner/link/session_ender.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <optional>

#include "tests/support/temporary_directory.h"
#include "tests/unit/vm/fake_daemon.h"

namespace cairn::vm {
namespace {

class SessionEnderTest : public ::testing::Test {
 protected:
  void SetUp() override { records.emplace(base + "/sessions"); }
  void leave(const FakeDaemon& daemon, const resume::SessionId& id) const {
    ASSERT_TRUE(records->keep(daemon.url(), id));
  }
  /// Ends what killed runners have left there.
  void end_all(const FakeDaemon& daemon) {
    SessionEnder::Options options;
    options.socket.url = *SocketUrl::parse(daemon.url());
    options.answer_max = std::chrono::milliseconds(200);
    SessionEnder ender(io, options, records->find_left(daemon.url()), [this] { ++done; });
    ender.start();
    io.restart();
    io.run();
  }

  const TemporaryDirectory temporary;
  const std::string base = temporary.path();
  std::optional<SessionRecords> records;
  boost::asio::io_context io;
  int done = 0;
};

TEST_F(SessionEnderTest, AllThatWereLeftAreEndedAndForgotten) {
  for (const std::uint16_t code : {1000, 1002}) {  // 1002: it was somebody else's, and stays so
    const FakeDaemon daemon(code);
    for (const std::uint8_t i : {1, 2, 3}) leave(daemon, {i});
    end_all(daemon);
    EXPECT_EQ(daemon.heard().size(), 3U);
    EXPECT_TRUE(records->find_left(daemon.url()).empty());
  }
  EXPECT_EQ(done, 2);
}

TEST_F(SessionEnderTest, ADaemonThatIsAwayOrDoesNotAnswerIsAskedAnotherTime) {
  FakeDaemon away, silent(0);
  away.vanish();
  for (const FakeDaemon* daemon : {&away, &silent}) {
    for (const std::uint8_t i : {1, 2}) leave(*daemon, {i});
    end_all(*daemon);
    EXPECT_EQ(records->find_left(daemon->url()).size(), 2U);
  }
  EXPECT_EQ(silent.heard().size(), 1U);
  EXPECT_EQ(done, 2);
}

TEST_F(SessionEnderTest, OneThatIsTakenAwaySaysNothing) {
  const FakeDaemon daemon(0);
  leave(daemon, {1});
  {
    SessionEnder ender(io, {.socket = {.url = *SocketUrl::parse(daemon.url())}},
                       records->find_left(daemon.url()), [this] { ++done; });
    ender.start();
    io.poll();
  }
  io.run();
  EXPECT_EQ(done, 0);
}

}  // namespace
}  // namespace cairn::vm
