#include <cerrno>

#include "tests/unit/ninep/resume_fixture.h"

// What sessions that resume may hold, and for how long.

namespace cairn::p9 {
namespace {

class ResumeBoundsTest : public ResumeTest {
 protected:
  ResumeBoundsTest() {
    for (ResumingClient* one : {&second, &third}) clients.push_back(one);
  }
  void TearDown() override {
    for (ResumingClient* one : clients) one->cut();
    ResumeTest::TearDown();
  }
  void serve_with(SessionRegistry::Options wanted) {
    stop_serving();
    options = wanted;
    serve();
  }
  void open_many(ResumingClient& one, std::uint32_t count) {
    for (std::uint32_t fid = 1; fid <= count; ++fid) one.walk(0, fid, {});
    one.settle();
    sim.run_ready();
  }

  ResumingClient second{sim};
  ResumingClient third{sim};
};

TEST_F(ResumeBoundsTest, StoppingWaitsForRecordsThatAreBeingStored) {
  begin(client);
  client.create(0, 1, "f");
  client.settle();
  volume.hold_syncs(true);
  client.send(Tlock{.fid = 1,
                    .type = static_cast<std::uint8_t>(LockType::kWrite),
                    .flags = 0,
                    .start = 0,
                    .length = 0,
                    .proc_id = 1,
                    .client_id = "c"});
  client.carry_all_to_server();
  client.cut();
  Task<> stopped = registry->stop();
  EXPECT_FALSE(stopped.done());
  volume.hold_syncs(false);
  run_void(std::move(stopped));
  fs->set_listener(nullptr);
  registry.reset();
}

TEST_F(ResumeBoundsTest, OneClientHasSoManySessionsAndThoseThatHeLostGoFirst) {
  serve_with({.grace = kGrace, .sessions_per_client_max = 2});
  begin(client);
  begin(second);
  third.connect(*registry, exported);
  third.carry();
  EXPECT_TRUE(third.socket()->closed);
  EXPECT_EQ(third.socket()->code, kCloseTryLater);
  third.cut();
  const Peer elsewhere{.trusted = true, .uid = kNobody, .name = "other", .key = "other"};
  third.connect(*registry, exported, elsewhere);
  third.begin();
  EXPECT_EQ(registry->sessions(), 3U);
  client.cut();
  second.cut();
  ResumingClient fourth(sim);
  begin(fourth);
  EXPECT_EQ(registry->sessions(), 3U);
  second.connect(*registry, exported);
  second.settle();
  EXPECT_EQ(second.resume().counts().resumed, 1U) << "the one that was lost first has gone";
}

TEST_F(ResumeBoundsTest, WhoLosesHisSessionToOthersLosesNothingSilently) {
  serve_with({.grace = kGrace, .sessions_per_client_max = 1});
  int number = 0;
  for (const bool locks : {false, true}) {
    for (const bool crashes : {false, true}) {
      const std::string name = "f" + std::to_string(++number);
      begin(client);
      client.create(0, 1, name);
      if (locks) client.lock(1);
      client.write(1, 0, "told, not durable");
      client.settle();
      const auto unknown = client.send(Twrite{.fid = 1, .offset = 0, .data = as_bytes("later")});
      client.carry_all_to_server();
      client.cut();
      begin(second);
      second.cut();
      EXPECT_EQ(registry->sessions(), 1U);
      if (crashes) crash();
      come_back();
      client.settle();
      // Nothing of the session is in the log if it was never durable: then it is all done again.
      const bool is_known = crashes && !locks;
      EXPECT_EQ(std::holds_alternative<Rwrite>(client.answer(unknown)), is_known);
      EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}) != 0, locks);
      EXPECT_THAT(content(name), ::testing::EndsWith("not durable"));
      client.get<Rclunk>(Tclunk{.fid = 1});
      client.get<Rclunk>(Tclunk{.fid = 0});
      client.cut();
    }
  }
}

TEST_F(ResumeBoundsTest, WhatAllHoldTogetherIsBoundedAndWhoHasLostHisConnectionGoesFirst) {
  serve_with({.grace = kGrace, .bytes_max = 128U << 10});
  begin(client);
  open_many(client, 100);
  client.cut();
  begin(second);
  open_many(second, 100);
  second.cut();
  sim.run_for(std::chrono::seconds(1));
  EXPECT_EQ(registry->sessions(), 2U) << "that is still allowed";
  begin(third);
  open_many(third, 100);
  EXPECT_EQ(registry->sessions(), 2U);
  EXPECT_LE(registry->bytes(), options.bytes_max);
  second.connect(*registry, exported);
  second.settle();
  EXPECT_EQ(second.resume().counts().resumed, 1U);
}

TEST_F(ResumeBoundsTest, IfAllAreConnectedTheLargestGoes) {
  serve_with({.grace = kGrace, .bytes_max = 128U << 10});
  begin(client);
  begin(second);
  open_many(client, 100);
  for (std::uint32_t fid = 1; fid <= 200 && registry->sessions() == 2; ++fid) {
    second.walk(0, fid, {});
    sim.run_ready();
  }
  EXPECT_EQ(registry->sessions(), 1U);
  EXPECT_TRUE(second.socket()->closed);
  EXPECT_FALSE(client.socket()->closed);
  EXPECT_EQ(client.walk(0, 1000, {}), 0U);
}

TEST_F(ResumeBoundsTest, RepliesThatAreNotTakenAndAttributesThatAreWrittenCount) {
  begin(client);
  client.create(0, 1, "f", std::string(20000, 'x'));
  client.settle();
  const std::size_t before = registry->bytes();
  client.send(Tread{.fid = 1, .offset = 0, .count = 20000});
  client.carry_all_to_server();
  EXPECT_GT(registry->bytes(), before + 19000);
  client.walk(0, 2, {"f"});
  client.stat(2);  // the reply before the last has been taken
  const std::size_t with_fid = registry->bytes();
  client.get<Rxattrcreate>(
      Txattrcreate{.fid = 2, .name = "user.a", .attr_size = 50000, .flags = 0});
  client.settle();
  EXPECT_GT(registry->bytes(), with_fid + 49000);
  EXPECT_EQ(client.error(Tclunk{.fid = 2}), EINVAL);
  client.settle();
  EXPECT_LT(registry->bytes(), with_fid);
  client.cut();
  sim.run_for(kGrace + std::chrono::seconds(1));
  EXPECT_EQ(registry->bytes(), 0U);
}

TEST_F(ResumeBoundsTest, HoweverOftenDaemonsCrashAClientIsWaitedForAsLongAsOneWould) {
  begin(client);
  client.create(0, 1, "f");
  client.lock(1);
  for (int i = 0; i < 50; ++i) crash();
  for (int i = 0; i < 4; ++i) {
    crash();
    EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN)) << i;
    sim.run_for(std::chrono::seconds(32));
  }
  crash();
  EXPECT_THAT(lock_elsewhere("f"), Succeeds());
  make_durable();
  EXPECT_TRUE(run_records().empty());
}

TEST_F(ResumeBoundsTest, WhoComesBackIsWaitedForAsLongAgain) {
  begin(client);
  client.create(0, 1, "f");
  client.lock(1);
  for (int i = 0; i < 3; ++i) {
    crash();
    sim.run_for(std::chrono::seconds(32));
  }
  come_back();
  client.settle();
  for (int i = 0; i < 3; ++i) {
    crash();
    EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN)) << i;
    sim.run_for(std::chrono::seconds(32));
  }
}

TEST_F(ResumeBoundsTest, LocksAreKeptOverACrashThatComesWhileTheyAreBroughtBack) {
  begin(client);
  client.create(0, 1, "f");
  client.lock(1);
  client.settle();
  crash();
  come_back();
  ASSERT_TRUE(client.carry());  // its Hello
  make_durable();
  crash();
  EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN));
  come_back();
  client.settle();
  EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN)) << "he has it again";
  EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), 0);
}

TEST_F(ResumeBoundsTest, ALockThatOthersMayHaveHadMeanwhileIsLostAndToldOf) {
  begin(client);
  client.create(0, 1, "f");
  client.lock(1);
  client.settle();
  client.cut();
  sim.run_for(kGrace + std::chrono::seconds(1));
  EXPECT_THAT(lock_elsewhere("f"), Succeeds());
  come_back();
  client.settle();
  EXPECT_THAT(lock_elsewhere("f"), Succeeds());
  EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), EIO);
  EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), 0);
}

TEST_F(ResumeBoundsTest, AfterTheGraceWhatWasOpenIsOpenedWithTheRightsOfNow) {
  begin(client);
  client.create(0, 1, "theirs", "content");
  client.create(0, 2, "own", "content");
  client.get<Rsetattr>(Tsetattr{.fid = 2, .valid = setattr::kUid, .uid = 1000});
  client.attach(10, 1000);
  client.walk(10, 11, {"theirs"});
  client.get<Rlopen>(Tlopen{.fid = 11, .flags = open_flag::kReadOnly});
  client.walk(10, 12, {"own"});
  client.get<Rlopen>(Tlopen{.fid = 12, .flags = open_flag::kReadWrite});
  client.get<Rsetattr>(Tsetattr{.fid = 1, .valid = setattr::kMode, .mode = 0600});
  client.get<Rsetattr>(Tsetattr{.fid = 2, .valid = setattr::kMode, .mode = 0400});
  make_durable();
  client.settle();
  crash();
  come_back();
  EXPECT_EQ(client.read(11), "content") << "as with a file that stays open";
  client.settle();
  client.cut();
  sim.run_for(kGrace + std::chrono::seconds(1));
  come_back();
  EXPECT_EQ(client.error(Tread{.fid = 11, .offset = 0, .count = 10}), EACCES);
  client.write(12, 0, "CONTENT");
  EXPECT_EQ(content("own"), "CONTENT");
}

}  // namespace
}  // namespace cairn::p9
