#include <gtest/gtest.h>

#include "tests/unit/ninep/resume_fixture.h"

// Clients that go for good: they say so, or somebody who knows of their session does.

namespace cairn::p9 {
namespace {

class ResumeEndTest : public ResumeTest {
 protected:
  static constexpr Duration kMoment = std::chrono::milliseconds(100);

  /// A client that has the file "f", locked.
  void begin_with_lock() {
    begin(client);
    client.create(0, 1, "f");
    client.lock(1);
    client.settle();
    make_durable();
  }
  /// By another connection; how that was closed.
  std::uint16_t end_session(const resume::SessionId& id,
                            Peer peer = {
                                .trusted = true, .uid = kNobody, .name = "other", .key = "other"}) {
    const auto socket = std::make_shared<TestSocket>();
    const auto user = registry->accept(socket, exported, std::move(peer), [] {});
    user->on_message(resume::encode(resume::End{id}));
    sim.run_for(kMoment);
    user->on_closed();
    return socket->closed ? socket->code : std::uint16_t{0};
  }
};

TEST_F(ResumeEndTest, AClientThatGoesAwayIsWaitedForBriefly) {
  begin_with_lock();
  client.socket()->user->on_leaving();
  client.cut();
  EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN));
  sim.run_for(options.leaving_grace + kMoment);
  EXPECT_EQ(registry->sessions(), 0U);
  EXPECT_THAT(lock_elsewhere("f"), Succeeds());
  crash();
  EXPECT_THAT(lock_elsewhere("f"), Succeeds()) << "that it has gone is known after a crash, too";
}

TEST_F(ResumeEndTest, AClientThatGoesAwayAndComesBackAtOnceHasItsSession) {
  begin_with_lock();
  client.socket()->user->on_leaving();
  client.cut();
  come_back();
  client.settle();
  sim.run_for(options.leaving_grace + kMoment);
  EXPECT_EQ(client.resume().counts().resumed, 1U);
  EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN));
}

TEST_F(ResumeEndTest, AnOldConnectionThatGoesAwayShortensNothing) {
  begin_with_lock();
  const auto old = client.socket()->user;
  client.resume().on_disconnected();
  come_back();
  client.settle();
  client.cut();
  old->on_leaving();
  old->on_closed();
  sim.run_for(options.leaving_grace + kMoment);
  EXPECT_EQ(registry->sessions(), 1U);
  EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN));
}

TEST_F(ResumeEndTest, WhoComesBackWhileHisSessionIsBeingEndedKeepsHisNewRecord) {
  begin_with_lock();
  const auto id = run_records().at(0).id;
  client.write(1, 0, "not durable");
  client.settle();
  volume.hold_syncs(true);
  client.send(Tfsync{.fid = 1, .datasync = 0});  // the end waits for it
  client.carry_all_to_server();
  EXPECT_EQ(end_session(id), 0U) << "it has not ended yet";
  EXPECT_EQ(end_session(id), 0U) << "nor for who asks once more";
  client.cut();
  come_back();
  client.carry_all_to_server();
  volume.hold_syncs(false);
  client.settle();
  make_durable();
  EXPECT_EQ(run_records().size(), 1U);
}

TEST_F(ResumeEndTest, ASessionIsEndedByWhoKnowsThatItsClientIsGone) {
  begin_with_lock();
  const auto id = run_records().at(0).id;
  client.cut();
  EXPECT_EQ(end_session(id), kCloseNormal);
  EXPECT_EQ(registry->sessions(), 0U);
  EXPECT_THAT(lock_elsewhere("f"), Succeeds());
  EXPECT_EQ(end_session(id), kCloseNormal) << "it is gone, as was asked for";
}

TEST_F(ResumeEndTest, ASessionThatAnEarlierDaemonLeftIsEnded) {
  begin_with_lock();
  const auto id = run_records().at(0).id;
  crash();
  EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN));
  EXPECT_EQ(end_session(id), kCloseNormal);
  EXPECT_THAT(lock_elsewhere("f"), Succeeds());
  make_durable();
  EXPECT_TRUE(run_records().empty());
}

TEST_F(ResumeEndTest, LocksAreNotKeptForClientsThatHadNone) {
  begin_with_lock();
  const auto id = run_records().at(0).id;
  ResumingClient other(sim);
  clients.push_back(&other);
  begin(other);
  other.create(0, 1, "g");
  make_durable();
  crash();
  EXPECT_EQ(end_session(id), kCloseNormal);
  EXPECT_THAT(lock_elsewhere("f"), Succeeds()) << "although the other one is still waited for";
  other.connect(*registry, exported);
  other.settle();
  EXPECT_EQ(other.error(Tfsync{.fid = 1, .datasync = 0}), 0);
}

TEST_F(ResumeEndTest, NobodyEndsTheSessionOfAnother) {
  begin_with_lock();
  const auto id = run_records().at(0).id;
  client.cut();
  EXPECT_EQ(end_session(id, {.trusted = false, .uid = 1000, .name = "he", .key = "he"}),
            kCloseProtocolError);
  EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN));
}

}  // namespace
}  // namespace cairn::p9
