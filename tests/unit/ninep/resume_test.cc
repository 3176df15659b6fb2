#include <cerrno>

#include "tests/unit/ninep/resume_fixture.h"

// Sessions that outlive their connection, and their server.

namespace cairn::p9 {
namespace {

TEST_F(ResumeTest, WithoutAnyMishapItIsASessionLikeAnother) {
  begin(client);
  client.create(0, 1, "f", "content");
  EXPECT_EQ(client.read(1), "content");
  client.clunk(1);
  EXPECT_EQ(client.walk_error(0, 2, {"none"}), ENOENT);
  EXPECT_EQ(content("f"), "content");
  EXPECT_EQ(client.resume().counts().resumed, 0U);
}

TEST_F(ResumeTest, ADroppedConnectionCostsNothing) {
  begin(client);
  client.create(0, 1, "f", "one ");
  client.cut();
  come_back();
  client.write(1, 4, "two");
  EXPECT_EQ(client.read(1), "one two");
  EXPECT_EQ(client.resume().counts().resumed, 1U);
  EXPECT_EQ(client.resume().counts().rebuilt, 0U);
}

TEST_F(ResumeTest, ARequestThatWasLostOnItsWayIsSentAgain) {
  begin(client);
  client.create(0, 1, "f");
  const auto tag = client.send(Twrite{.fid = 1, .offset = 0, .data = as_bytes("x")});
  client.cut();  // before it has left
  come_back();
  EXPECT_EQ(std::get<Rwrite>(client.answer(tag)).count, 1U);
}

TEST_F(ResumeTest, AReplyThatWasLostOnItsWayIsSentAgainAndTheRequestIsNotDoneTwice) {
  begin(client);
  const auto tag = client.send(Tmkdir{.dfid = 0, .name = "d", .mode = 0755, .gid = 0});
  ASSERT_TRUE(client.carry());
  EXPECT_FALSE(client.has_answer(tag));
  client.cut();
  come_back();
  EXPECT_TRUE(std::holds_alternative<Rmkdir>(client.answer(tag)));
}

TEST_F(ResumeTest, WhatACrashUndidIsDoneAgain) {
  begin(client);
  client.create(0, 1, "f", "before ");
  make_durable();
  client.write(1, 7, "after");
  client.get<Rmkdir>(Tmkdir{.dfid = 0, .name = "d", .mode = 0755, .gid = 0});
  crash();
  EXPECT_EQ(content("f"), "before ");
  come_back();
  EXPECT_EQ(client.read(1), "before after");
  EXPECT_EQ(client.walk(0, 2, {"d"}), 1U);
  EXPECT_EQ(client.resume().counts().sent_again, 2U);
  EXPECT_EQ(client.resume().counts().lost, 0U);
  EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), 0);
}

TEST_F(ResumeTest, AFidThatCameWithItsAttributesIsBroughtBackLikeAnother) {
  begin(client);
  client.create(0, 1, "f", "content");
  make_durable();
  Twalkgetattr look{.fid = 0, .newfid = 2, .request_mask = getattr::kBasic, .names = {}};
  look.names.push_back("f");
  EXPECT_EQ(client.get<Rwalkgetattr>(look).attributes.size, 7U);
  look.newfid = kNoFid;
  EXPECT_EQ(client.get<Rwalkgetattr>(look).attributes.size, 7U);
  look.newfid = 3;
  const auto unanswered = client.send(look);
  crash();
  come_back();
  EXPECT_EQ(std::get<Rwalkgetattr>(client.answer(unanswered)).attributes.size, 7U);
  EXPECT_EQ(client.stat(2).size, 7U);
  EXPECT_EQ(client.stat(3).size, 7U);
  EXPECT_EQ(client.resume().counts().sent_again, 0U) << "it changes nothing";
  EXPECT_EQ(client.error(Tclunk{.fid = kNoFid}), EBADF);
}

TEST_F(ResumeTest, AFileThatIsMadeAgainHasTheNumberThatItHad) {
  begin(client);
  client.create(0, 1, "f", "content");
  const auto before = client.stat(1);
  crash();
  EXPECT_EQ(content("f"), "(none)");
  make_file(vfs::kRootIno, "other");  // takes no number of the past
  come_back();
  EXPECT_EQ(client.stat(1).qid.path, before.qid.path);
  EXPECT_EQ(client.read(1), "content");
}

TEST_F(ResumeTest, WhatIsDurableIsNotDoneAgain) {
  begin(client);
  client.open_new(0, 1, "log", open_flag::kAppend);
  client.write(1, 0, "one\n");
  make_durable();
  client.write(1, 0, "two\n");
  crash();
  come_back();
  EXPECT_EQ(client.read(1), "one\ntwo\n");
  EXPECT_EQ(client.resume().counts().sent_again, 1U);
}

TEST_F(ResumeTest, WhatWasDoneDurablyAndNotAnsweredIsNotDoneTwice) {
  begin(client);
  client.open_new(0, 1, "log", open_flag::kAppend);
  const auto write = client.send(Twrite{.fid = 1, .offset = 0, .data = as_bytes("once\n")});
  const auto mkdir = client.send(Tmkdir{.dfid = 0, .name = "d", .mode = 0755, .gid = 0});
  client.carry_all_to_server();
  make_durable();
  crash();
  come_back();
  EXPECT_TRUE(std::holds_alternative<Rwrite>(client.answer(write)));
  EXPECT_TRUE(std::holds_alternative<Rmkdir>(client.answer(mkdir)));
  EXPECT_EQ(client.read(1), "once\n");
}

TEST_F(ResumeTest, ItIsNotDoneTwiceEvenIfTheServerCrashesAgainBeforeTheClientHasHeardOfIt) {
  begin(client);
  const auto mkdir = client.send(Tmkdir{.dfid = 0, .name = "d", .mode = 0755, .gid = 0});
  ASSERT_TRUE(client.carry());
  make_durable();
  crash();
  come_back();
  ASSERT_TRUE(client.carry());  // its Hello gets there; the Welcome does not come back
  make_durable();
  client.cut();
  crash();
  come_back();
  EXPECT_TRUE(std::holds_alternative<Rmkdir>(client.answer(mkdir)));
}

TEST_F(ResumeTest, AnUnlinkedFileLivesOnOverACrash) {
  begin(client);
  client.create(0, 1, "f", "content");
  make_durable();
  client.get<Runlinkat>(Tunlinkat{.dfid = 0, .name = "f", .flags = 0});
  make_durable();
  crash();
  come_back();
  EXPECT_EQ(client.read(1), "content");
  client.clunk(1);
  client.settle();
  make_durable();
  EXPECT_EQ(volume.referenced_bytes(), 0);
}

TEST_F(ResumeTest, AFileThatWasMadeAndUnlinkedSinceIsBroughtBackWithoutAName) {
  begin(client);
  client.create(0, 1, "f", "content");
  client.get<Runlinkat>(Tunlinkat{.dfid = 0, .name = "f", .flags = 0});
  client.write(1, 7, "!");
  crash();
  come_back();
  EXPECT_EQ(client.read(1), "content!");
  EXPECT_EQ(content("f"), "(none)");
}

TEST_F(ResumeTest, AnUnlinkThatACrashUndidDoesNotTakeTheOpenFileAway) {
  begin(client);
  client.create(0, 1, "f", "content");
  make_durable();
  client.get<Runlinkat>(Tunlinkat{.dfid = 0, .name = "f", .flags = 0});
  crash();
  come_back();
  EXPECT_EQ(client.read(1), "content");
  EXPECT_EQ(content("f"), "(none)");
}

TEST_F(ResumeTest, WhatSomebodyElseHasChangedMeanwhileIsNotOverwrittenAndItsUserIsToldOnce) {
  begin(client);
  client.create(0, 1, "f", "mine");
  make_durable();
  client.write(1, 0, "lost");
  crash();
  auto handle = run(fs->open_file({}, *fs->peek_entry(vfs::kRootIno, "f"), O_RDWR));
  ASSERT_THAT(run(fs->write({}, *handle, 0, as_bytes("theirs"), false)), Succeeds());
  come_back();
  EXPECT_EQ(client.read(1), "theirs");
  EXPECT_EQ(client.resume().counts().lost, 1U);
  EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), EIO);
  EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), 0);
  ASSERT_THAT(run(fs->release(*handle)), Succeeds());
}

TEST_F(ResumeTest, ClosingAFileThatHasLostSomethingSaysSo) {
  begin(client);
  client.create(0, 1, "f", "mine");
  make_durable();
  client.write(1, 0, "lost");
  crash();
  const Ino ino = *fs->peek_entry(vfs::kRootIno, "f");
  ASSERT_THAT(run(fs->set_attributes({}, ino, {}, {.mode = 0600})), Succeeds());
  come_back();
  EXPECT_EQ(client.error(Tclunk{.fid = 1}), EIO);
  EXPECT_EQ(content("f"), "mine");
}

TEST_F(ResumeTest, AFileThatSomebodyElseHasRemovedMeanwhileIsStale) {
  begin(client);
  client.create(0, 1, "f", "mine");
  make_durable();
  crash();
  ASSERT_THAT(run(fs->unlink({}, vfs::kRootIno, "f")), Succeeds());
  make_file(vfs::kRootIno, "f", "theirs");
  come_back();
  EXPECT_EQ(client.error(Tread{.fid = 1, .offset = 0, .count = 1}), ESTALE);
  EXPECT_EQ(client.error(Tclunk{.fid = 1}), 0) << "nothing of it was lost";
  EXPECT_EQ(client.error(Tclunk{.fid = 1}), EBADF);
  EXPECT_EQ(content("f"), "theirs");
}

TEST_F(ResumeTest, ANameThatSomebodyElseHasTakenMeanwhileIsTheirs) {
  begin(client);
  client.create(0, 1, "f", "mine");
  crash();
  make_file(vfs::kRootIno, "f", "theirs");
  come_back();
  EXPECT_EQ(client.error(Tread{.fid = 1, .offset = 0, .count = 1}), ESTALE);
  EXPECT_EQ(client.error(Tclunk{.fid = 1}), EIO);
  EXPECT_EQ(client.error(Tclunk{.fid = 1}), EBADF);
  EXPECT_EQ(content("f"), "theirs");
  EXPECT_EQ(client.error(Tfsync{.fid = 0, .datasync = 0}), EIO) << "the directory lost a name";
}

TEST_F(ResumeTest, AStopInOrderLosesNothingAndKeepsUnansweredRequests) {
  begin(client);
  client.create(0, 1, "f", "content");
  const auto mkdir = client.send(Tmkdir{.dfid = 0, .name = "d", .mode = 0755, .gid = 0});
  ASSERT_TRUE(client.carry());
  restart();
  come_back();
  EXPECT_TRUE(std::holds_alternative<Rmkdir>(client.answer(mkdir)));
  EXPECT_EQ(client.read(1), "content");
  EXPECT_EQ(client.resume().counts().sent_again, 0U);
}

TEST_F(ResumeTest, TheClientForgetsWhatIsDurable) {
  begin(client);
  client.create(0, 1, "f", "content");
  EXPECT_EQ(client.resume().undurable(), 2U);
  make_durable();
  client.settle();
  EXPECT_EQ(client.resume().undurable(), 0U);
}

TEST_F(ResumeTest, AClientWhoseBufferFillsAsksForACommitAndWaits) {
  ResumingClient small(sim, {.kept_bytes_max = 4096});
  clients.push_back(&small);
  begin(small);
  small.create(0, 1, "f");
  for (int i = 0; i < 20; ++i) small.write(1, 0, std::string(1000, 'x'));
  EXPECT_GT(volume.syncs(), 3U);
  small.settle();
  EXPECT_LE(small.resume().undurable(), 4U);
}

TEST_F(ResumeTest, LocksAreKeptForWhoHadThem) {
  begin(client);
  client.create(0, 1, "f");
  const Tlock lock{.fid = 1,
                   .type = 1,
                   .flags = 0,
                   .start = 0,
                   .length = 10,
                   .proc_id = 7,
                   .client_id = "guest"};
  EXPECT_EQ(client.get<Rlock>(lock).status, 0);
  crash();
  const Ino ino = *fs->peek_entry(vfs::kRootIno, "f");
  ASSERT_NE(ino, Ino()) << "a lock makes its file durable";
  auto handle = run(fs->open_file({}, ino, O_RDWR));
  const vfs::RangeLock theirs{
      .type = vfs::LockType::kWrite, .start = 100, .end = 200, .owner = {.client = 1, .owner = 1}};
  EXPECT_THAT(run(fs->set_lock(*handle, theirs, false, 1)), FailsWith(EAGAIN)) << "in the grace";
  come_back();
  client.settle();
  EXPECT_THAT(run(fs->set_lock(*handle, theirs, false, 1)), Succeeds());
  vfs::RangeLock same = theirs;
  same.start = 5;
  EXPECT_THAT(run(fs->set_lock(*handle, same, false, 1)), FailsWith(EAGAIN));
  Tlock unlock = lock;
  unlock.type = 2;
  EXPECT_EQ(client.get<Rlock>(unlock).status, 0);
  EXPECT_THAT(run(fs->set_lock(*handle, same, false, 1)), Succeeds());
  ASSERT_THAT(run(fs->release(*handle)), Succeeds());
}

TEST_F(ResumeTest, WhoDoesNotComeBackLosesAllAfterTheGrace) {
  begin(client);
  client.create(0, 1, "f", "content");
  make_durable();
  client.get<Runlinkat>(Tunlinkat{.dfid = 0, .name = "f", .flags = 0});
  make_durable();
  crash();
  EXPECT_GT(volume.referenced_bytes(), 0);
  sim.run_for(kGrace + std::chrono::seconds(1));
  make_durable();
  EXPECT_EQ(volume.referenced_bytes(), 0);
  EXPECT_TRUE(run_records().empty());
}

TEST_F(ResumeTest, WhoComesAfterTheGraceFindsWhatIsStillThere) {
  begin(client);
  client.create(0, 1, "f", "content");
  client.create(0, 2, "g", "content");
  client.get<Runlinkat>(Tunlinkat{.dfid = 0, .name = "g", .flags = 0});
  client.cut();
  sim.run_for(kGrace + std::chrono::seconds(1));
  EXPECT_EQ(registry->sessions(), 0U);
  come_back();
  EXPECT_EQ(client.read(1), "content");
  EXPECT_EQ(client.error(Tread{.fid = 2, .offset = 0, .count = 1}), ESTALE);
}

TEST_F(ResumeTest, AnExtendedAttributeThatWasBeingSetIsSet) {
  begin(client);
  client.create(0, 1, "f");
  make_durable();
  client.walk(0, 2, {"f"});
  client.get<Rxattrcreate>(Txattrcreate{.fid = 2, .name = "user.a", .attr_size = 6, .flags = 0});
  client.write(2, 0, "abc");
  crash();
  come_back();
  client.write(2, 3, "def");
  client.clunk(2);
  crash();
  come_back();
  client.settle();
  const Ino ino = *fs->peek_entry(vfs::kRootIno, "f");
  auto value = run(fs->get_xattr({}, ino, "user.a"));
  ASSERT_THAT(value, Succeeds());
  EXPECT_EQ(*value, "abcdef");
}

TEST_F(ResumeTest, AClientThatIsNotBelievedBringsItsStateToANewSession) {
  begin(client);
  client.create(0, 1, "f", "content");
  const auto unanswered = client.send(Tmkdir{.dfid = 0, .name = "d", .mode = 0755, .gid = 0});
  client.cut();
  client.resume().begin_anew();
  come_back();
  // Nobody knows whether it was done.
  EXPECT_TRUE(std::holds_alternative<Rlerror>(client.answer(unanswered)));
  EXPECT_EQ(client.read(1), "content");
  client.write(1, 7, "!");
  client.cut();
  come_back();
  EXPECT_EQ(client.read(1), "content!");
  EXPECT_EQ(client.resume().counts().resumed, 1U);
}

TEST_F(ResumeTest, WhatAUserAsksForWhileHisRepliesAreTakenOverComesLast) {
  begin(client);
  client.create(0, 1, "f");
  make_durable();
  client.write(1, 0, "lost and found");
  const auto mkdir = client.send(Tmkdir{.dfid = 0, .name = "d", .mode = 0755, .gid = 0});
  client.on_reply = [this] {
    static_cast<void>(client.send(Twrite{.fid = 1, .offset = 0, .data = as_bytes("LOST")}));
  };
  client.cut();
  client.resume().begin_anew();  // the Tmkdir is answered on the spot
  crash();
  come_back();
  EXPECT_TRUE(std::holds_alternative<Rlerror>(client.answer(mkdir)));
  client.settle();
  EXPECT_EQ(client.read(1), "LOST and found");
}

TEST_F(ResumeTest, ClaimsThatWereNotGivenOutBringNothingBack) {
  begin(client);
  client.create(0, 1, "f");
  client.settle();
  client.cut();
  const auto socket = std::make_shared<TestSocket>();
  const auto user =
      registry->accept(socket, exported, {.trusted = true, .uid = kNobody, .name = "thief"}, [] {});
  user->on_message(resume::encode(resume::Hello{}));
  const std::string key("F\x05\x00\x00\x00", 5);
  resume::Restore restore{.numbers = {.number = 1}, .message_bytes_max = 8192};
  restore.items.push_back({.key = key, .blob = "a claim that is none, and long enough for a seal"});
  user->on_message(resume::encode(restore));
  while (socket->to_client.size() < 2) ASSERT_TRUE(sim.run_one());
  const auto frame = resume::decode_server_frame(socket->to_client.back());
  const auto& restored = std::get<resume::Restored>(*frame);
  ASSERT_EQ(restored.failures.size(), 1U);
  EXPECT_EQ(restored.failures[0].error, static_cast<std::uint32_t>(ESTALE));
  user->on_closed();
}

TEST_F(ResumeTest, FramesThatDoNotBelongThereEndTheConnectionAndNotTheSession) {
  begin(client);
  client.create(0, 1, "f", "content");
  for (const std::string& frame :
       {std::string(), std::string("\x02"), std::string(40, '\xFF'),
        resume::encode(resume::Hello{}),
        resume::encode(resume::Request{.numbers = {.number = 99}, .message = "x"}),
        resume::encode(resume::Received{.received = 1'000'000}),
        resume::encode(resume::Replay{.numbers = {.number = 1}, .redo = "", .message = ""})}) {
    client.socket()->user->on_message(frame);
    EXPECT_TRUE(client.socket()->closed);
    client.cut();
    come_back();
    EXPECT_EQ(client.read(1), "content");
  }
}

}  // namespace
}  // namespace cairn::p9
