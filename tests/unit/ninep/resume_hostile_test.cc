#include <fcntl.h>

#include <cerrno>

#include "tests/unit/ninep/resume_fixture.h"

// What a client that knows the protocol may try with sessions that resume, and what a client that
// was away finds changed.

namespace cairn::p9 {
namespace {

class HostileResumeTest : public ResumeTest {
 protected:
  /// By somebody who has no session.
  void overwrite(std::string_view name, std::string_view bytes) {
    const Ino ino = *fs->peek_entry(vfs::kRootIno, name);
    const auto handle = *run(fs->open_file({}, ino, O_RDWR));
    ASSERT_THAT(run(fs->write({}, handle, 0, as_bytes(bytes), false)), Succeeds());
    ASSERT_THAT(run(fs->release(handle)), Succeeds());
  }
  void begin_with_a_durable_file() {
    begin(client);
    client.create(0, 1, "f", "before");
    make_durable();
  }
  /// What the client did last is gone with the daemon, and somebody has written there since: that
  /// stays, and the client is told.
  void expect_that_another_prevails() {
    crash();
    overwrite("f", "other.");
    come_back();
    client.settle();
    EXPECT_EQ(content("f"), "other.");
    EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), EIO);
  }
  /// A session that speaks in frames.
  std::shared_ptr<TestSocket> connect_raw() {
    auto socket = std::make_shared<TestSocket>();
    socket->user =
        registry->accept(socket, exported, {.trusted = true, .uid = kNobody, .name = "raw"}, [] {});
    socket->user->on_message(resume::encode(resume::Hello{}));
    return socket;
  }
  static void hang_up(const std::shared_ptr<TestSocket>& socket) {
    std::exchange(socket->user, nullptr)->on_closed();
  }
};

TEST_F(HostileResumeTest, WhatChangesNothingIsNoReplay) {
  begin(client);
  client.create(0, 1, "f");
  const Ino ino(client.stat(1).qid.path);
  client.lock(1);
  const ClaimSealer sealer(fs->derive_key("9p claims, first"), fs->derive_key("9p claims, second"));
  RedoClaim claim;
  claim.fids.emplace_back(
      5,
      FidClaim{.n_uname = 0,
               .place = {.ino = ino, .parent = vfs::kRootIno, .name = "f", .root = vfs::kRootIno},
               .kind = Fid::Kind::kFile,
               .open_flags = O_RDWR});
  std::string message;
  append(message, 3,
         Tlock{.fid = 5,
               .type = static_cast<std::uint8_t>(LockType::kWrite),
               .flags = kLockBlock,
               .start = 0,
               .length = 0,
               .proc_id = 2,
               .client_id = "d"});
  const auto socket = connect_raw();
  const std::string redo = sealer.seal(claim);
  socket->user->on_message(
      resume::encode(resume::Replay{.numbers = {.number = 1}, .redo = redo, .message = message}));
  while (sim.run_one()) {
    if (socket->to_client.size() >= 2) break;
  }
  // Waiting for the lock, it would keep its session from ever ending.
  ASSERT_EQ(socket->to_client.size(), 2U);
  socket->user->on_message(resume::encode(resume::Bye{}));
  while (registry->sessions() > 1 && sim.run_one()) {
  }
  hang_up(socket);
}

TEST_F(HostileResumeTest, ASessionWithHundredsOfKeptRepliesGoesOnAfterACrash) {
  begin(client);
  client.settle();
  std::vector<std::string> names;
  for (int i = 0; i < 700; ++i) names.push_back("d" + std::to_string(i));
  std::vector<std::uint16_t> tags;
  for (const std::string& name : names) {
    tags.push_back(client.send(Tmkdir{.dfid = 0, .name = name, .mode = 0755, .gid = 0}));
  }
  client.carry_all_to_server();
  make_durable();
  crash();
  ASSERT_GE(run_records().at(0).replies.size(), 512U);
  come_back();
  for (const std::uint16_t tag : tags) {
    EXPECT_TRUE(std::holds_alternative<Rmkdir>(client.answer(tag)));
  }
}

TEST_F(HostileResumeTest, ARecordIsSmallWhateverRepliesAreNotTaken) {
  begin(client);
  client.settle();
  std::vector<std::string> names;
  for (int i = 0; i < 400; ++i) names.push_back(std::to_string(1000 + i) + std::string(240, 'n'));
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    client.send(Twalk{.fid = 0, .newfid = 100 + i, .names = {}});
    client.send(Tlcreate{
        .fid = 100 + i, .name = names[i], .flags = open_flag::kReadWrite, .mode = 0644, .gid = 0});
  }
  client.carry_all_to_server();
  make_durable();
  std::size_t bytes = 0;
  const auto records = run_records();
  for (const auto& reply : records.at(0).replies) bytes += reply.bytes.size();
  EXPECT_GT(bytes, 64U << 10);
  EXPECT_LT(bytes, 98U << 10);
}

TEST_F(HostileResumeTest, ACounterThatFitsByChanceDoesNotOverwriteAnother) {
  begin_with_a_durable_file();
  client.write(1, 0, "first.");
  client.write(1, 0, "second");
  expect_that_another_prevails();
}

TEST_F(HostileResumeTest, ACreateThatTruncatedDoesNotTruncateWhatAnotherHasWrittenSince) {
  begin_with_a_durable_file();
  client.open_new(0, 2, "f", open_flag::kTruncate);
  expect_that_another_prevails();
}

TEST_F(HostileResumeTest, ACreateThatTruncatedIsDoneAgain) {
  begin_with_a_durable_file();
  client.open_new(0, 2, "f", open_flag::kTruncate);
  client.write(2, 0, "x");
  crash();
  come_back();
  EXPECT_EQ(client.read(2), "x");
  EXPECT_EQ(client.resume().counts().lost, 0U);
}

TEST_F(HostileResumeTest, WhoIsRootNoMoreHasNothingLeftOfIt) {
  begin(client);
  client.create(0, 1, "f", "secret");
  make_durable();
  client.settle();
  exported.squash = Squash::kRoot;
  crash();
  come_back();
  EXPECT_NE(client.error(Tread{.fid = 1, .offset = 0, .count = 10}), 0);
}

TEST_F(HostileResumeTest, WhatCouldNotBeDoneAgainIsToldAfterAnotherCrash) {
  begin_with_a_durable_file();
  client.write(1, 0, "first.");
  crash();
  overwrite("f", "other.");
  make_durable();
  come_back();
  client.settle();
  EXPECT_EQ(client.read(1), "other.");
  crash();
  come_back();
  client.settle();
  EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), EIO);
  EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), 0);
  crash();
  come_back();
  EXPECT_EQ(client.error(Tfsync{.fid = 1, .datasync = 0}), 0);
}

TEST_F(HostileResumeTest, ASavedMachinesLocksAreTakenAnewIfNobodyHasThem) {
  begin(client);
  client.create(0, 1, "f");
  const Ino ino(client.stat(1).qid.path);
  const ClaimSealer sealer(fs->derive_key("9p claims, first"), fs->derive_key("9p claims, second"));
  const std::string file = sealer.seal(
      FidClaim{.n_uname = 0,
               .place = {.ino = ino, .parent = vfs::kRootIno, .name = "f", .root = vfs::kRootIno},
               .kind = Fid::Kind::kFile,
               .open_flags = O_RDWR});
  const std::string lock = sealer.seal(
      LockClaim{.fid = 5,
                .ino = ino,
                .owner = 7,
                .locks = {{.type = vfs::LockType::kWrite, .start = 0, .end = UINT64_MAX}}});
  const std::string fid_key("F\5\0\0\0", 5);
  /// What a new session's Restore fails with, that session's end included.
  const auto errors_of = [&](bool is_anew) {
    const auto socket = connect_raw();
    resume::Restore restore{.numbers = {.number = 1}, .message_bytes_max = 8192};
    if (is_anew) restore.items.push_back({.key = "N", .blob = "1"});
    restore.items.push_back({.key = fid_key, .blob = file});
    restore.items.push_back({.key = "Lock", .blob = lock});
    socket->user->on_message(resume::encode(restore));
    while (socket->to_client.size() < 2 && sim.run_one()) {
    }
    const auto decoded = resume::decode_server_frame(socket->to_client.back());
    std::vector<std::uint32_t> errors;
    for (const auto& failure : std::get<resume::Restored>(*decoded).failures) {
      errors.push_back(failure.error);
    }
    socket->user->on_message(resume::encode(resume::Bye{}));
    while (registry->sessions() > 1 && sim.run_one()) {
    }
    hang_up(socket);
    return errors;
  };
  EXPECT_THAT(errors_of(false), ::testing::ElementsAre(ESTALE)) << "others may have had them";
  EXPECT_THAT(errors_of(true), ::testing::ElementsAre());
  client.lock(1);
  EXPECT_THAT(errors_of(true), ::testing::ElementsAre(EAGAIN));
}

TEST_F(HostileResumeTest, WhatItSaysToHaveLostIsBounded) {
  const auto socket = connect_raw();
  resume::Restore restore{.numbers = {.number = 1}, .message_bytes_max = 8192};
  restore.items.push_back({.key = "none", .blob = "none"});
  restore.lost.resize(resume::kLostMax);
  std::uint64_t ino = 0;
  for (int i = 0; i < 40 && !socket->closed; ++i, ++restore.numbers.number) {
    for (std::uint64_t& one : restore.lost) one = ++ino;
    socket->user->on_message(resume::encode(restore));
    while (sim.run_one()) {
    }
  }
  EXPECT_TRUE(socket->closed);
  hang_up(socket);
}

TEST_F(HostileResumeTest, LocksThatGoWithAFileAreToldOfInRepliesOfABoundedSize) {
  begin(client);
  client.create(0, 1, "f");
  for (std::uint32_t owner = 1; owner <= 3000; ++owner) {
    const Tlock lock{.fid = 1,
                     .type = static_cast<std::uint8_t>(LockType::kRead),
                     .flags = 0,
                     .start = 0,
                     .length = 1,
                     .proc_id = owner,
                     .client_id = "c"};
    client.get<Rlock>(lock);
  }
  client.walk(0, 2, {});
  client.get<Rremove>(Tremove{.fid = 1});
  client.settle();
  client.send(Tclunk{.fid = 2});
  const auto socket = client.socket();
  while (socket->to_client.empty() && client.carry()) {
  }
  ASSERT_FALSE(socket->to_client.empty());
  EXPECT_LT(socket->to_client.back().size(), 32U << 10);
  EXPECT_GT(socket->to_client.back().size(), 8U << 10);
  client.settle();
}

}  // namespace
}  // namespace cairn::p9
