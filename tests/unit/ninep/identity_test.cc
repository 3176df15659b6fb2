#include "tests/unit/ninep/session_fixture.h"

// Who a client may be, and what he may do then.

namespace cairn::p9 {
namespace {

class IdentityTest : public SessionTest {
 protected:
  Result<Identity> who(Peer peer, std::uint32_t n_uname) {
    return run(identify(users, exported, peer, n_uname));
  }
  static Peer trusted() { return {.trusted = true, .uid = 0, .name = "trusted"}; }
  static Peer local(std::uint32_t uid) { return {.trusted = false, .uid = uid, .name = "local"}; }
};

TEST_F(IdentityTest, ATrustedClientMayBeAnybody) {
  const auto root = who(trusted(), 0);
  ASSERT_THAT(root, Succeeds());
  EXPECT_EQ(root->uid, 0U);
  EXPECT_EQ(root->gid, 0U);
  const auto user = who(trusted(), 1000);
  ASSERT_THAT(user, Succeeds());
  EXPECT_EQ(user->gid, 1000U);
  EXPECT_EQ(user->groups, std::vector<std::uint32_t>{27});
  const auto unknown = who(trusted(), 4711);
  ASSERT_THAT(unknown, Succeeds());
  EXPECT_EQ(unknown->gid, kNobody);
}

TEST_F(IdentityTest, ALocalUserMayBeHimselfOnly) {
  EXPECT_THAT(who(local(1000), 0), FailsWith(EPERM));
  EXPECT_THAT(who(local(1000), 1001), FailsWith(EPERM));
  const auto himself = who(local(1000), 1000);
  ASSERT_THAT(himself, Succeeds());
  EXPECT_EQ(himself->uid, 1000U);
  const auto unnamed = who(local(1000), kNoUname);
  ASSERT_THAT(unnamed, Succeeds());
  EXPECT_EQ(unnamed->uid, 1000U);
}

TEST_F(IdentityTest, SquashesAsTheListenerSays) {
  exported.squash = Squash::kRoot;
  exported.squash_uid = 500;
  EXPECT_EQ(who(trusted(), 0)->uid, 500U);
  EXPECT_EQ(who(trusted(), 1000)->uid, 1000U);
  exported.squash = Squash::kAll;
  EXPECT_EQ(who(trusted(), 1000)->uid, 500U);
  EXPECT_EQ(who(trusted(), 1000)->gid, kNobody);
}

TEST_F(IdentityTest, MapsNumbersBothWays) {
  const IdMap map({{.client = 0, .server = 100'000, .count = 1000}});
  EXPECT_EQ(map.to_server(0), 100'000U);
  EXPECT_EQ(map.to_server(999), 100'999U);
  EXPECT_EQ(map.to_server(1000), kNobody);
  EXPECT_EQ(map.to_client(100'999), 999U);
  EXPECT_EQ(map.to_client(5), kNobody);
  exported.uids = map;
  EXPECT_EQ(who(trusted(), 0)->uid, 100'000U) << "not root on the volume";
}

TEST_F(IdentityTest, TheCoreChecksRights) {
  make_file(kRoot, "secret", "x", 0600);
  make_file(kRoot, "shared", "x", 0640, vfs::user(0, 27));
  client->attach(10, 1000);
  client->attach(11, 1001);
  client->walk(10, 20, {"secret"});
  EXPECT_EQ(client->error(Tlopen{.fid = 20, .flags = 0}), EACCES);
  client->walk(10, 21, {"shared"});
  EXPECT_EQ(client->error(Tlopen{.fid = 21, .flags = 0}), 0) << "by a supplementary group";
  client->walk(11, 22, {"shared"});
  EXPECT_EQ(client->error(Tlopen{.fid = 22, .flags = 0}), EACCES);
  EXPECT_EQ(client->error(Tmkdir{.dfid = 10, .name = "d", .mode = 0755}), EACCES);
  EXPECT_EQ(client->error(Tsetattr{.fid = 20, .valid = setattr::kMode, .mode = 0666}), EPERM);
}

TEST_F(IdentityTest, ANewFileIsTheUsersAndOfTheGroupThatHisKernelNames) {
  EXPECT_THAT(run(fs->set_attributes({}, kRoot, {}, {.mode = 0777})), Succeeds());
  client->attach(10, 1000);
  client->get<Rmkdir>(Tmkdir{.dfid = 10, .name = "d", .mode = 0755, .gid = 27});
  client->walk(10, 20, {"d"});
  EXPECT_EQ(client->stat(20).uid, 1000U);
  EXPECT_EQ(client->stat(20).gid, 27U);
}

TEST_F(IdentityTest, ATrustedClientHasCheckedTheGroupsOfItsUsers) {
  EXPECT_THAT(run(fs->set_attributes({}, kRoot, {}, {.mode = 0777})), Succeeds());
  const Ino ino = make_file(kRoot, "file", "", 0644, vfs::user(1000, 1000));
  client->attach(10, 1000);
  client->walk(10, 11, {"file"});
  EXPECT_EQ(client->error(Tsetattr{.fid = 11, .valid = setattr::kGid, .gid = 4711}), 0);
  EXPECT_EQ(stat(ino).gid, 4711U);
  EXPECT_EQ(client->error(Tsetattr{.fid = 11, .valid = setattr::kMode, .mode = 02755}), 0);
  EXPECT_EQ(stat(ino).mode & 07777, 02755U);
  auto user = connect(local(1000));
  user->begin();
  user->attach(0, 1000);
  user->walk(0, 1, {"file"});
  EXPECT_EQ(user->error(Tsetattr{.fid = 1, .valid = setattr::kGid, .gid = 4712}), EPERM);
}

TEST_F(IdentityTest, ALocalUserGivesNoFileToAGroupHeIsNotIn) {
  EXPECT_THAT(run(fs->set_attributes({}, kRoot, {}, {.mode = 0777})), Succeeds());
  auto user = connect(local(1000));
  user->begin();
  user->attach(0, 1000);
  EXPECT_EQ(user->error(Tmkdir{.dfid = 0, .name = "a", .mode = 0755, .gid = 0}), EPERM);
  EXPECT_EQ(user->error(Tmkdir{.dfid = 0, .name = "b", .mode = 0755, .gid = 27}), 0);
  EXPECT_EQ(user->error(Tmkdir{.dfid = 0, .name = "c", .mode = 0755, .gid = 1000}), 0);
}

TEST_F(IdentityTest, TheWayToASubtreeIsTheUsersToGo) {
  const Ino hidden = mkdir(kRoot, "hidden", 0700);
  mkdir(hidden, "open", 0777);
  EXPECT_EQ(
      client->error(Tattach{.fid = 9, .afid = kNoFid, .aname = "hidden/open", .n_uname = 1000}),
      EACCES);
  client->attach(9, 0, "hidden/open");
}

}  // namespace
}  // namespace cairn::p9
