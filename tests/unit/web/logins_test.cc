#include "fsd/frontends/web/logins.h"

#include <gtest/gtest.h>

#include "tests/support/sim_runtime.h"

namespace cairn::web {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Answer = Logins::Answer;
using Kind = Logins::Kind;

class LoginsTest : public ::testing::Test {
 protected:
  void start(std::optional<std::string> password = "secret") {
    logins = std::make_unique<Logins>(sim.runtime().clock, sim.runtime().random, password, limits);
  }
  testing::SimRuntime sim{1};
  Limits limits;
  std::unique_ptr<Logins> logins;
};

TEST_F(LoginsTest, OnlyThePasswordIsRight) {
  start();
  EXPECT_EQ(logins->try_password("secret", "a"), Answer::kRight);
  for (const char* wrong : {"Secret", "secret ", ""}) {
    EXPECT_EQ(logins->try_password(wrong, "a"), Answer::kWrong) << wrong;
  }
}

TEST_F(LoginsTest, WithoutAPasswordNoneIsRight) {
  start(std::nullopt);
  EXPECT_FALSE(logins->has_password());
  EXPECT_EQ(logins->try_password("", "a"), Answer::kWrong);
}

TEST_F(LoginsTest, WhoGuessesWaitsLongerAndLongerAndNobodyElseDoes) {
  start();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(logins->try_password("x", "a"), Answer::kWrong);
  EXPECT_EQ(logins->try_password("secret", "a"), Answer::kTooSoon);
  EXPECT_EQ(logins->wait("a"), seconds(1));
  EXPECT_EQ(logins->try_password("secret", "b"), Answer::kRight);
  for (const int wait : {1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_EQ(logins->wait("a"), seconds(wait));
    sim.run_for(seconds(wait));
    EXPECT_EQ(logins->try_password("x", "a"), Answer::kWrong);
  }
  sim.run_for(minutes(1));
  EXPECT_EQ(logins->try_password("secret", "a"), Answer::kRight);
  EXPECT_EQ(logins->try_password("x", "a"), Answer::kWrong);
  EXPECT_EQ(logins->wait("a"), Duration{}) << "the right one ends the count";
}

TEST_F(LoginsTest, GuessersThatThereIsNoRoomForWaitTogether) {
  limits.wrong_passwords_kept_max = 3;
  start();
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(logins->try_password("x", "guesser " + std::to_string(i)));
  }
  EXPECT_EQ(logins->try_password("secret", "guesser 99"), Answer::kTooSoon);
  sim.run_for(hours(1));
  EXPECT_EQ(logins->try_password("secret", "guesser 99"), Answer::kRight);
}

TEST_F(LoginsTest, ALoginIsKnownByItsIdAndKindUntilItIsClosed) {
  start();
  const std::string cookie = logins->open(Kind::kCookie, "a");
  const std::string token = logins->open(Kind::kToken, "a");
  EXPECT_EQ(cookie.size(), 64U);
  EXPECT_NE(cookie, token);
  EXPECT_TRUE(logins->use(Kind::kCookie, cookie, "a"));
  EXPECT_FALSE(logins->use(Kind::kToken, cookie, "a"));
  EXPECT_FALSE(logins->use(Kind::kCookie, cookie, "b")) << "stolen";
  EXPECT_FALSE(logins->use(Kind::kCookie, cookie.substr(1), "a"));
  EXPECT_FALSE(logins->use(Kind::kCookie, "", "a"));
  logins->close(Kind::kToken, cookie);
  EXPECT_TRUE(logins->use(Kind::kCookie, cookie, "a"));
  logins->close(Kind::kCookie, cookie);
  EXPECT_FALSE(logins->use(Kind::kCookie, cookie, "a"));
  EXPECT_TRUE(logins->use(Kind::kToken, token, "a"));
}

TEST_F(LoginsTest, ALoginEndsWhenItIsNotUsed) {
  start();
  const std::string id = logins->open(Kind::kCookie, "a");
  for (int month = 0; month < 3; ++month) {
    sim.run_for(limits.login_idle_max - hours(1));
    EXPECT_TRUE(logins->use(Kind::kCookie, id, "a"));
  }
  sim.run_for(limits.login_idle_max + hours(1));
  EXPECT_FALSE(logins->use(Kind::kCookie, id, "a"));
  EXPECT_EQ(logins->size(), 0U);
}

TEST_F(LoginsTest, ThereAreSoManyLoginsAndTheOneUsedLongestAgoGoes) {
  limits.logins_max = 3;
  start();
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(logins->open(Kind::kCookie, "a"));
    sim.run_for(seconds(1));
  }
  EXPECT_TRUE(logins->use(Kind::kCookie, ids[0], "a"));
  logins->open(Kind::kCookie, "a");
  EXPECT_EQ(logins->size(), 3U);
  EXPECT_TRUE(logins->use(Kind::kCookie, ids[0], "a"));
  EXPECT_FALSE(logins->use(Kind::kCookie, ids[1], "a"));
}

}  // namespace
}  // namespace cairn::web
