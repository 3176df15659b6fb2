#include "vmrunner/link/session_records.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace cairn::vm {
namespace {

namespace fs = std::filesystem;

class SessionRecordsTest : public ::testing::Test {
 protected:
  void SetUp() override { directory = base + "/a/sessions"; }
  [[nodiscard]] std::size_t files() const {
    std::error_code none;
    std::size_t count = 0;
    for (const auto& one : fs::directory_iterator(directory, none)) count += one.exists() ? 1 : 0;
    return count;
  }
  /// A runner that was killed.
  void leave(const std::string& url, const resume::SessionId& id) const {
    ASSERT_TRUE(SessionRecords(directory).keep(url, id));
  }

  const TemporaryDirectory temporary;
  const std::string base = temporary.path();
  std::string directory;
  const std::string kUrl = "ws://127.0.0.1:8080/ws/9p";
  const resume::SessionId kId{1, 0xfe, 3};
};

TEST_F(SessionRecordsTest, WhatALivingRunnerHasIsNobodyElses) {
  const SessionRecords records(directory);
  const auto entry = records.keep(kUrl, kId);
  ASSERT_TRUE(entry);
  EXPECT_TRUE(SessionRecords(directory).find_left(kUrl).empty());
  EXPECT_EQ(files(), 1U);
}

TEST_F(SessionRecordsTest, WhatADeadRunnerHadIsFoundUntilItIsForgotten) {
  leave(kUrl, kId);
  const SessionRecords records(directory);
  for (int i = 0; i < 2; ++i) {
    const auto left = records.find_left(kUrl);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left[0].id, kId);
    if (i == 1) left[0].entry.forget();
  }
  EXPECT_TRUE(records.find_left(kUrl).empty());
  EXPECT_EQ(files(), 0U);
}

TEST_F(SessionRecordsTest, ARunnerThatIsKilledLeavesItsSessionAndTheOneBesideKeepsHis) {
  const auto mine = SessionRecords(directory).keep(kUrl, resume::SessionId{9});
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t other = fork();
  if (other == 0) {
    const auto entry = SessionRecords(directory).keep(kUrl, kId);
    if (write(ready[1], entry ? "y" : "n", 1) == 1) pause();
    _exit(1);
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  EXPECT_TRUE(SessionRecords(directory).find_left(kUrl).empty());
  kill(other, SIGKILL);
  ASSERT_EQ(waitpid(other, nullptr, 0), other);
  const auto left = SessionRecords(directory).find_left(kUrl);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].id, kId);
  close(ready[0]);
  close(ready[1]);
}

TEST_F(SessionRecordsTest, OfTwoThatLookOneFindsIt) {
  leave(kUrl, kId);
  const auto first = SessionRecords(directory).find_left(kUrl);
  EXPECT_EQ(first.size(), 1U);
  EXPECT_TRUE(SessionRecords(directory).find_left(kUrl).empty());
}

TEST_F(SessionRecordsTest, AnotherDaemonsSessionsAreLeftAlone) {
  leave("ws://elsewhere/ws/9p", kId);
  EXPECT_TRUE(SessionRecords(directory).find_left(kUrl).empty());
  EXPECT_EQ(files(), 1U);
}

TEST_F(SessionRecordsTest, NobodyElseCanReadThem) {
  leave(kUrl, kId);
  struct stat found{};
  ASSERT_EQ(stat(directory.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0700U);
  for (const auto& file : fs::directory_iterator(directory)) {
    ASSERT_EQ(stat(file.path().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, 0600U);
  }
}

TEST_F(SessionRecordsTest, InADirectoryThatOthersMayReadNothingIsKept) {
  fs::create_directories(directory);
  ASSERT_EQ(chmod(directory.c_str(), 0755), 0);
  EXPECT_FALSE(SessionRecords(directory).keep(kUrl, kId));
  EXPECT_EQ(files(), 0U);
  fs::remove(directory);
  fs::create_directory(base + "/real");
  ASSERT_EQ(chmod((base + "/real").c_str(), 0700), 0);
  fs::create_symlink(base + "/real", directory);
  EXPECT_FALSE(SessionRecords(directory).keep(kUrl, kId));
}

TEST_F(SessionRecordsTest, WithoutADirectoryNothingIsKeptAndNothingFails) {
  const SessionRecords nowhere("");
  EXPECT_FALSE(nowhere.keep(kUrl, kId));
  EXPECT_TRUE(nowhere.find_left(kUrl).empty());
  std::ofstream(base + "/file") << "x";
  EXPECT_FALSE(SessionRecords(base + "/file/sessions").keep(kUrl, kId));
}

TEST_F(SessionRecordsTest, WhatMakesNoSenseIsClearedAway) {
  leave(kUrl, kId);
  for (const char* text : {"", "x", "ws://x\n12\n", "ws://x\nzz000000000000000000000000000000\n"}) {
    std::ofstream(directory + "/session-bad") << text;
    std::ofstream(directory + "/new-half") << text;
    std::ofstream(directory + "/other") << text;
    EXPECT_EQ(SessionRecords(directory).find_left(kUrl).size(), 1U) << text;
    EXPECT_EQ(files(), 2U) << text;  // what is not ours stays
  }
}

TEST_F(SessionRecordsTest, SessionsOfDaemonsThatNeverCameBackDoNotPileUp) {
  for (std::uint8_t i = 0; i < 100; ++i) leave("ws://gone/ws/9p", {i});
  EXPECT_TRUE(SessionRecords(directory).find_left(kUrl).empty());
  EXPECT_EQ(files(), 32U);
}

}  // namespace
}  // namespace cairn::vm
