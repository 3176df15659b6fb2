#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "fsd/frontends/admin/control_client.h"
#include "fsd/frontends/admin/control_server.h"
#include "fsd/runtime/real_runtime.h"
#include "tests/support/temporary_directory.h"

namespace cairn::admin {
namespace {

Task<std::string> echo(std::string command) { co_return "you said " + command; }

class Control : public ::testing::Test {
 protected:
  Result<std::unique_ptr<ControlServer>> start() {
    return ControlServer::start(runtime_.io(), runtime_.runtime().core, path_, echo);
  }
  RealRuntime runtime_{{.io_threads = 1, .pool_threads = 1}};
  const TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
  const std::string path_ = directory_ + "/run/x.sock";
};

TEST_F(Control, AnswersOneLineWithOneLine) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().message();
  auto answer = ask_daemon(path_, "hello", std::chrono::seconds(10));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(*answer, "you said hello");
}

TEST_F(Control, IsForItsOwnUserOnly) {
  auto server = start();
  ASSERT_TRUE(server);
  struct stat socket{};
  ASSERT_EQ(::stat(path_.c_str(), &socket), 0);
  EXPECT_EQ(socket.st_mode & 0777U, 0600U);
}

TEST_F(Control, RefusesToTakeTheSocketOfALivingDaemon) {
  auto server = start();
  ASSERT_TRUE(server);
  auto second = start();
  ASSERT_FALSE(second);
  EXPECT_EQ(to_errno(second.error()), EADDRINUSE);
}

TEST_F(Control, TakesThePlaceOfADeadSocket) {
  {
    auto server = start();
    ASSERT_TRUE(server);
    // As a killed daemon leaves it: the file stays, nobody listens.
    std::filesystem::rename(path_, path_ + ".kept");
    (*server)->stop();
    std::filesystem::rename(path_ + ".kept", path_);
  }
  while (ask_daemon(path_, "hello", std::chrono::seconds(10))) {
  }  // until the listener is closed
  auto server = start();
  ASSERT_TRUE(server) << server.error().message();
}

TEST_F(Control, RefusesADirectoryOfSomebodyElse) {
  if (geteuid() != 0) return;  // only root can make one
  std::filesystem::create_directories(directory_ + "/run");
  ASSERT_EQ(::chown((directory_ + "/run").c_str(), 65534, 65534), 0);
  auto server = start();
  ASSERT_FALSE(server);
  EXPECT_EQ(to_errno(server.error()), EACCES);
}

TEST_F(Control, SaysThatNoDaemonAnswers) {
  auto answer = ask_daemon(path_, "status", std::chrono::seconds(1));
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("no daemon answers"), std::string::npos);
}

TEST_F(Control, AnEndlessCommandIsCutOff) {
  auto server = start();
  ASSERT_TRUE(server);
  auto answer = ask_daemon(path_, std::string(100'000, 'x'), std::chrono::seconds(10));
  EXPECT_FALSE(answer);
}

}  // namespace
}  // namespace cairn::admin
