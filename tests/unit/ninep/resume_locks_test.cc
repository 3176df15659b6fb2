#include <gtest/gtest.h>

#include "tests/unit/ninep/resume_fixture.h"

// That a session has locks is known to the next daemon before anybody is told of one.

namespace cairn::p9 {
namespace {

class ResumeLocksTest : public ResumeTest {
 protected:
  static Tlock request(std::uint32_t fid, LockType type) {
    return {.fid = fid,
            .type = static_cast<std::uint8_t>(type),
            .flags = 0,
            .start = 0,
            .length = 0,
            .proc_id = 1,
            .client_id = "c"};
  }
};

TEST_F(ResumeLocksTest, ALockThatIsTakenAgainIsKeptAfterACrash) {
  begin(client);
  client.create(0, 1, "f");
  client.lock(1);
  EXPECT_EQ(client.get<Rlock>(request(1, LockType::kUnlock)).status, 0);
  client.write(1, 0, "between two locks");
  client.settle();
  make_durable();
  client.lock(1);
  client.settle();
  crash();
  EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN));
  come_back();
  client.settle();
  EXPECT_THAT(lock_elsewhere("f"), FailsWith(EAGAIN));
  EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), 0);
}

TEST_F(ResumeLocksTest, ALockGoesWithItsFidForTheNextDaemonToo) {
  begin(client);
  client.create(0, 1, "f");
  client.lock(1);
  EXPECT_EQ(client.error(Tclunk{.fid = 1}), 0);
  make_durable();
  client.settle();
  crash();
  come_back();
  client.walk(0, 2, {"f"});
  EXPECT_EQ(client.error(Tlopen{.fid = 2, .flags = O_RDWR}), 0);
  EXPECT_THAT(lock_elsewhere("f"), Succeeds());
  EXPECT_EQ(client.error(Tclunk{.fid = 2}), 0) << "nothing was lost";
  EXPECT_EQ(client.resume().counts().stale, 0U);
}

TEST_F(ResumeLocksTest, ALockThatWentWithItsFidDoesNotComeBackByAnother) {
  begin(client);
  client.create(0, 1, "f");
  client.walk(0, 2, {"f"});
  EXPECT_EQ(client.error(Tlopen{.fid = 2, .flags = O_RDWR}), 0);
  Tlock part = request(1, LockType::kWrite);
  part.length = 10;
  EXPECT_EQ(client.get<Rlock>(part).status, 0);
  part.fid = 2;
  part.start = 100;
  EXPECT_EQ(client.get<Rlock>(part).status, 0);
  EXPECT_EQ(client.error(Tclunk{.fid = 1}), 0);
  make_durable();
  client.settle();
  crash();
  come_back();
  client.settle();
  EXPECT_THAT(lock_elsewhere("f", 0, 9), Succeeds());
  EXPECT_THAT(lock_elsewhere("f", 100, 109), FailsWith(EAGAIN));
  EXPECT_EQ(client.error(Tclunk{.fid = 2}), 0);
}

TEST_F(ResumeLocksTest, AClosedFileThatIsGoneHasLostNothing) {
  begin(client);
  client.create(0, 1, "f");
  client.lock(1);
  client.get<Runlinkat>(Tunlinkat{.dfid = 0, .name = "f", .flags = 0});
  make_durable();
  client.settle();
  const auto clunk = client.send(Tclunk{.fid = 1});
  client.carry_all_to_server();
  sim.run_until_idle();  // the file is freed, and the answer is lost
  make_durable();
  crash();
  come_back();
  EXPECT_TRUE(std::holds_alternative<Rclunk>(client.answer(clunk)));
}

TEST_F(ResumeLocksTest, NoLockIsToldBeforeTheNextDaemonWouldKnowOfIt) {
  begin(client);
  client.create(0, 1, "f");
  client.create(0, 2, "g");
  client.settle();
  volume.hold_syncs(true);
  const auto first = client.send(request(1, LockType::kWrite));
  const auto second = client.send(request(2, LockType::kWrite));
  while (client.carry()) {
  }
  EXPECT_FALSE(client.has_answer(first));
  EXPECT_FALSE(client.has_answer(second));
  client.walk(0, 3, {});  // others need not wait
  volume.hold_syncs(false);
  client.settle();
  EXPECT_TRUE(client.has_answer(first));
  EXPECT_TRUE(client.has_answer(second));
  crash();
  EXPECT_THAT(lock_elsewhere("g"), FailsWith(EAGAIN));
}

}  // namespace
}  // namespace cairn::p9
