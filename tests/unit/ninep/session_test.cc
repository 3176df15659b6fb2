#include "tests/unit/ninep/session_fixture.h"

// The session itself: its beginning, its fids, its tags, flush, and what is no 9P.

namespace cairn::p9 {
namespace {

TEST_F(SessionTest, AgreesOnTheSmallerMessageSize) {
  EXPECT_EQ(client->get<Rversion>(Tversion{.msize = 8192, .version = kVersion}).msize, 8192U);
  EXPECT_EQ(client->session().message_bytes_max(), 8192U);
  EXPECT_EQ(client->get<Rversion>(Tversion{.msize = 1U << 30, .version = kVersion}).msize,
            (1U << 20) + 24);
}

TEST_F(SessionTest, KnowsNoOtherProtocol) {
  EXPECT_EQ(client->get<Rversion>(Tversion{.msize = 8192, .version = "9P2000.u"}).version,
            kUnknownVersion);
  std::string message;
  append(message, 1, Request(Tclunk{.fid = 0}));
  EXPECT_THAT(client->send_raw(message), FailsWith(EPROTO)) << "no session has begun";
  EXPECT_EQ(client->error(Tversion{.msize = 4095, .version = kVersion}), EINVAL);
}

TEST_F(SessionTest, BeginsWithTversion) {
  auto stranger = connect();
  EXPECT_THAT(stranger->send_as(1, Tattach{.fid = 0, .afid = kNoFid}), FailsWith(EPROTO));
}

TEST_F(SessionTest, ForgetsItsFidsAtTversion) {
  client->create(0, 1, "file");
  client->begin();
  EXPECT_EQ(client->error(Tclunk{.fid = 1}), EBADF);
  EXPECT_EQ(client->error(Tclunk{.fid = 0}), EBADF);
  client->attach(0);
  EXPECT_EQ(client->walk(0, 1, {"file"}), 1U);
}

TEST_F(SessionTest, RefusesATagThatIsInUse) {
  client->create(0, 1, "file");
  auto other = connect();
  other->begin();
  other->attach(0);
  other->walk(0, 1, {"file"});
  other->get<Rlopen>(Tlopen{.fid = 1, .flags = open_flag::kReadWrite});
  client->get<Rlock>(Tlock{.fid = 1, .type = 1, .proc_id = 7, .client_id = "c"});
  const Tlock waiting{.fid = 1, .type = 1, .flags = kLockBlock, .proc_id = 8, .client_id = "o"};
  ASSERT_THAT(other->send_as(77, waiting), Succeeds());
  EXPECT_THAT(other->send_as(77, Tclunk{.fid = 0}), FailsWith(EPROTO));
  EXPECT_THAT(other->send_as(kNoTag, Tclunk{.fid = 0}), FailsWith(EPROTO));
}

TEST_F(SessionTest, AnswersWhatIsMalformedAndWhatItDoesNotKnow) {
  using namespace std::string_literals;
  ASSERT_THAT(client->send_raw("\x0a\0\0\0\x78\x01\0\0\0\0"s), Succeeds());  // Tclunk, cut short
  EXPECT_EQ(std::get<Rlerror>(client->answer(1)).ecode, EPROTO);
  ASSERT_THAT(client->send_raw("\x0c\0\0\0\x78\x01\0\0\0\0\0\0"s), Succeeds());  // too long
  EXPECT_EQ(std::get<Rlerror>(client->answer(1)).ecode, EPROTO);
  for (const char type : {'\x06', '\x07', '\x70', '\x7c', '\x65', '\xff'}) {
    ASSERT_THAT(client->send_raw("\x07\0\0\0"s + type + "\x01\0"s), Succeeds());
    EXPECT_EQ(std::get<Rlerror>(client->answer(1)).ecode, EOPNOTSUPP) << int{type};
  }
  EXPECT_EQ(client->walk(0, 1, {}), 0U) << "it goes on";
}

TEST_F(SessionTest, KnowsItsFidsApart) {
  client->create(0, 1, "file");
  EXPECT_EQ(client->error(Tclunk{.fid = 99}), EBADF);
  EXPECT_EQ(client->walk_error(0, 1, {}), EINVAL) << "in use";
  EXPECT_EQ(client->walk_error(0, kNoFid, {}), EINVAL);
  EXPECT_EQ(client->walk_error(99, 100, {}), EBADF);
  EXPECT_EQ(client->walk_error(1, 1, {}), EINVAL) << "an open fid stays what it is";
  EXPECT_EQ(client->walk(1, 100, {}), 0U) << "but may be walked from, as Linux does";
  EXPECT_EQ(client->error(Tattach{.fid = 1, .afid = kNoFid}), EINVAL);
  EXPECT_EQ(client->error(Tattach{.fid = 9, .afid = 0}), EOPNOTSUPP);
  EXPECT_EQ(client->error(Tauth{.afid = 9}), EOPNOTSUPP);
  client->clunk(1);
  EXPECT_EQ(client->error(Tclunk{.fid = 1}), EBADF);
}

class FewFids : public SessionTest {
 protected:
  FewFids() { limits.fids_max = 3; }
};

TEST_F(FewFids, GivesNoMoreThanItsLimit) {
  client->walk(0, 1, {});
  client->walk(0, 2, {});
  EXPECT_EQ(client->walk_error(0, 3, {}), EMFILE);
  EXPECT_EQ(client->error(Txattrwalk{.fid = 0, .newfid = 3, .name = ""}), EMFILE);
  EXPECT_EQ(client->walk(2, 2, {}), 0U) << "no new one is needed";
  client->clunk(1);
  EXPECT_EQ(client->walk(0, 3, {}), 0U);
}

TEST_F(SessionTest, KeepsAFileThatIsRemovedWhileAFidKnowsIt) {
  client->create(0, 1, "file", "still here");
  client->walk(0, 2, {"file"});
  client->get<Runlinkat>(Tunlinkat{.dfid = 0, .name = "file"});
  EXPECT_EQ(client->read(1), "still here");
  EXPECT_EQ(client->stat(2).nlink, 0U);
  client->clunk(1);
  client->get<Rlopen>(Tlopen{.fid = 2, .flags = open_flag::kReadOnly});
  EXPECT_EQ(client->read(2), "still here");
  client->clunk(2);
  EXPECT_EQ(run(fs->get_attributes({}, Ino(2))).has_value(), false);
}

/// Two clients; `holder` has locked the file "file", of which both have fid 1 open.
class FlushTest : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    client->create(0, 1, "file");
    client->get<Rlock>(Tlock{.fid = 1, .type = 1, .proc_id = 7, .client_id = "holder"});
    waiter = connect();
    waiter->begin();
    waiter->attach(0);
    waiter->walk(0, 1, {"file"});
    waiter->get<Rlopen>(Tlopen{.fid = 1, .flags = open_flag::kReadWrite});
    lock_tag = waiter->send(kWait);
    ASSERT_FALSE(waiter->has_answer(lock_tag));
  }
  void TearDown() override { waiter.reset(); }
  void unlock() {
    client->get<Rlock>(Tlock{.fid = 1, .type = 2, .proc_id = 7, .client_id = "holder"});
  }
  static constexpr Tlock kWait{
      .fid = 1, .type = 1, .flags = kLockBlock, .proc_id = 8, .client_id = "waiter"};
  std::unique_ptr<Client> waiter;
  std::uint16_t lock_tag = 0;
};

TEST_F(FlushTest, EndsARequestThatWaitsWithoutAReply) {
  const std::uint16_t flush = waiter->send(Tflush{.oldtag = lock_tag});
  EXPECT_TRUE(std::holds_alternative<Rflush>(waiter->answer(flush)));
  EXPECT_FALSE(waiter->has_answer(lock_tag));
  unlock();
  EXPECT_FALSE(waiter->has_answer(lock_tag));
  EXPECT_EQ(
      client->get<Rlock>(Tlock{.fid = 1, .type = 1, .proc_id = 7, .client_id = "holder"}).status, 0)
      << "the flushed one has not got it";
}

TEST_F(FlushTest, AnswersAtOnceForWhatIsNotUnderWay) {
  EXPECT_TRUE(std::holds_alternative<Rflush>(waiter->ask(Tflush{.oldtag = 4000})));
  const std::uint16_t own = 900;
  ASSERT_THAT(waiter->send_as(own, Tflush{.oldtag = own}), Succeeds());
  EXPECT_TRUE(std::holds_alternative<Rflush>(waiter->answer(own)));
  EXPECT_FALSE(waiter->has_answer(lock_tag));
}

TEST_F(FlushTest, LetsATagBeUsedAgainOnceItIsFlushed) {
  EXPECT_TRUE(std::holds_alternative<Rflush>(waiter->ask(Tflush{.oldtag = lock_tag})));
  ASSERT_THAT(waiter->send_as(lock_tag, Tgetattr{.fid = 0, .request_mask = getattr::kBasic}),
              Succeeds());
  EXPECT_TRUE(std::holds_alternative<Rgetattr>(waiter->answer(lock_tag)));
}

TEST_F(FlushTest, TheLockGoesToWhoStillWaits) {
  unlock();
  EXPECT_EQ(std::get<Rlock>(waiter->answer(lock_tag)).status, 0);
}

TEST_F(FlushTest, AHungUpClientWaitsForNothingAndHoldsNothing) {
  waiter->hang_up();
  client->hang_up();
  auto third = connect();
  third->begin();
  third->attach(0);
  third->walk(0, 1, {"file"});
  third->get<Rlopen>(Tlopen{.fid = 1, .flags = open_flag::kReadWrite});
  EXPECT_EQ(third->get<Rlock>(Tlock{.fid = 1, .type = 1, .proc_id = 1, .client_id = "t"}).status,
            0);
}

TEST_F(FlushTest, ANewSessionEndsWhatTheOldOneWaitedFor) {
  waiter->begin();
  EXPECT_FALSE(waiter->has_answer(lock_tag));
  waiter->attach(0);
  unlock();
  EXPECT_FALSE(waiter->has_answer(lock_tag));
}

class FewRequests : public FlushTest {
 protected:
  FewRequests() {
    limits.requests_max = 4;
    limits.lock_waits_max = 2;
  }
};

TEST_F(FewRequests, SaysWhenItWantsNoMoreAndWhenItDoesAgain) {
  EXPECT_TRUE(waiter->session().has_room());
  Tlock other = kWait;
  other.proc_id = 9;
  waiter->send(other);
  other.proc_id = 10;
  EXPECT_EQ(waiter->get<Rlock>(other).status, 1) << "two wait already: ask again later";
  EXPECT_TRUE(waiter->session().has_room());
  EXPECT_EQ(waiter->rooms, 0);
}

/// Attaching waits until the users are known, and nothing ends it before.
class SlowUsers final : public UserDatabase {
 public:
  Task<Groups> groups_of(std::uint32_t uid) override {
    while (!known) co_await change.wait();
    co_return Groups{.known = true, .gid = uid, .groups = {}};
  }
  void tell() {
    known = true;
    change.notify_all();
  }
  bool known = false;
  Condition change;
};

/// A client whose Tattach is under way.
class SlowRequest : public SessionTest {
 protected:
  void SetUp() override {
    door = std::make_unique<Door>(
        Door{.vfs = *fs, .runtime = sim.runtime(), .users = slow, .limits = limits});
    client = connect();
    client->begin();
    slow_tag = client->send(kAttach);
    ASSERT_FALSE(client->has_answer(slow_tag));
  }
  void TearDown() override { slow.tell(); }
  static constexpr Tattach kAttach{
      .fid = 0, .afid = kNoFid, .uname = "", .aname = "", .n_uname = 1000};
  SlowUsers slow;
  std::uint16_t slow_tag = 0;
};

TEST_F(SlowRequest, MakesTversionWaitAndThereIsRoomAgainAfterIt) {
  client->send(Tversion{.msize = 8192, .version = kVersion});
  EXPECT_FALSE(client->session().has_room());
  EXPECT_FALSE(client->has_answer(kNoTag));
  slow.tell();
  EXPECT_TRUE(client->has_answer(kNoTag));
  EXPECT_TRUE(client->session().has_room());
  EXPECT_EQ(client->rooms, 1);
}

TEST_F(SlowRequest, WhatComesBehindTversionIsAnsweredAfterIt) {
  client->send(Tversion{.msize = 8192, .version = kVersion});
  const std::uint16_t clunk = client->send(Tclunk{.fid = 0});
  EXPECT_FALSE(client->has_answer(clunk));
  slow.tell();
  EXPECT_EQ(std::get<Rlerror>(client->answer(clunk)).ecode, EBADF) << "the fid is forgotten";
}

TEST_F(SlowRequest, WhatIsNo9PBehindTversionEndsTheSession) {
  client->send(Tversion{.msize = 8192, .version = kVersion});
  ASSERT_THAT(client->send_as(kNoTag, Tclunk{.fid = 0}), Succeeds()) << "not looked at yet";
  slow.tell();
  EXPECT_THAT(client->send_as(1, Tclunk{.fid = 0}), FailsWith(EPROTO));
}

TEST_F(SlowRequest, ThousandsOfFlushesInARowAreAnsweredAfterIt) {
  constexpr std::uint16_t kLast = 60'000;
  for (std::uint16_t tag = slow_tag + 1; tag <= kLast; ++tag) {
    ASSERT_THAT(client->send_as(tag, Tflush{.oldtag = static_cast<std::uint16_t>(tag - 1)}),
                Succeeds());
    ASSERT_FALSE(client->has_answer(tag));
  }
  slow.tell();
  for (std::uint16_t tag = slow_tag; tag <= kLast; ++tag) ASSERT_TRUE(client->has_answer(tag));
}

Task<> close_and_drop(std::unique_ptr<Session> session) {
  const auto dropped = std::move(session);  // before the Task, which keeps its parameters
  co_await dropped->close();
}

TEST_F(SlowRequest, ASessionMayGoAsSoonAsItIsClosed) {
  auto session = std::make_unique<Session>(
      *door, exported, Peer{.trusted = true, .uid = 0, .name = "test"}, [](std::string) {}, [] {});
  std::uint16_t tag = 0;
  for (const Request& request :
       {Request(Tversion{.msize = 8192, .version = kVersion}), Request(kAttach),
        Request(Tflush{.oldtag = 1}), Request(Tversion{.msize = 8192, .version = kVersion})}) {
    std::string message;
    append(message, tag++, request);
    ASSERT_THAT(session->receive(std::move(message)), Succeeds());
  }
  Task<> closed = close_and_drop(std::move(session));
  EXPECT_FALSE(closed.done());
  slow.tell();
  EXPECT_TRUE(closed.done());
}

TEST_F(SessionTest, CountsWhatAReplyMayTakeAsUnderWay) {
  limits.request_bytes_max = 100'000;
  client.reset();
  SetUp();
  client->create(0, 1, "file", "x");
  EXPECT_TRUE(client->session().has_room());
  EXPECT_EQ(client->read(1, 0, 1U << 31).size(), 1U) << "a count past all bounds is cut";
}

TEST_F(SessionTest, ShowsOneVersionToWhoWritesAlone) {
  client->create(0, 1, "file", "a");
  const std::uint32_t before = client->stat(1).qid.version;
  client->write(1, 0, "b");
  client->walk(0, 2, {"file"});
  EXPECT_EQ(client->stat(2).qid.version, before);
}

TEST_F(SessionTest, ShowsAnotherVersionAfterSomebodyElseHasWritten) {
  client->create(0, 1, "file", "a");
  const Ino ino(client->stat(1).qid.path);
  const std::uint32_t before = client->stat(1).qid.version;
  door->versions.on_changed(ino, 12345);
  EXPECT_NE(client->stat(1).qid.version, before);
  const std::uint32_t after = client->stat(1).qid.version;
  auto other = connect();
  other->begin();
  other->attach(0);
  other->walk(0, 1, {"file"});
  EXPECT_EQ(other->stat(1).qid.version, after);
  door->versions.on_changed(ino, 12345);
  EXPECT_NE(other->stat(1).qid.version, after);
}

/// Another door, which takes its time.
struct SlowDoor {
  Condition known;
  int asked = 0;
  Task<> settle() {
    ++asked;
    co_await known.wait();
  }
};

TEST_F(SessionTest, AnswersAChangeWhenTheOtherDoorsKnowOfIt) {
  client->create(0, 1, "file", "content");
  SlowDoor other;
  door->settle = [&other] { return other.settle(); };
  const Twrite write{.fid = 1, .offset = 0, .data = as_bytes(std::string_view("C"))};
  const std::uint16_t tag = client->send(write);
  sim.run_until_idle();
  EXPECT_EQ(client->read(1), "Content") << "it is done, and whoever asks is told";
  EXPECT_FALSE(client->has_answer(tag));
  other.known.notify_all();
  EXPECT_TRUE(client->has_answer(tag));
  EXPECT_EQ(other.asked, 1);
}

TEST_F(SessionTest, DoesNotWaitForOtherDoorsOnceItIsCancelled) {
  client->create(0, 1, "file", "content");
  SlowDoor other;
  door->settle = [&other] { return other.settle(); };
  const Twrite write{.fid = 1, .offset = 0, .data = as_bytes(std::string_view("C"))};
  const std::uint16_t tag = client->send(write);
  client->get<Rflush>(Tflush{.oldtag = tag});
  EXPECT_TRUE(client->has_answer(tag)) << "what is done is answered all the same";
  const std::uint16_t last = client->send(write);
  client->hang_up();
  EXPECT_FALSE(client->has_answer(last));
  other.known.notify_all();
}

}  // namespace
}  // namespace cairn::p9
