#include "tests/unit/vfs/vfs_fixture.h"

namespace cairn::vfs {
namespace {

class VfsRights : public VfsTest {
 protected:
  void chmod(Ino ino, std::uint32_t mode) { change(ino, {.mode = mode}); }
  void chown(Ino ino, std::uint32_t uid, std::uint32_t gid) {
    change(ino, {.uid = uid, .gid = gid});
  }
  void change(Ino ino, AttributeChange what) {
    ASSERT_THAT(run(fs->set_attributes({}, ino, {}, what)), Succeeds());
  }
  Result<Attributes> try_change(Caller who, Ino ino, AttributeChange what) {
    return run(fs->set_attributes(std::move(who), ino, {}, what));
  }
};

struct AccessCase {
  std::uint32_t mode;
  Caller who;
  int mask;
  int error;
};

TEST_F(VfsRights, ModeBitsAreTheOwnersTheGroupsOrTheOthers) {
  const Ino file = make_file(kRoot, "f");
  const Caller owner = user(10, 99);
  const Caller member = user(11, 20);
  const Caller also_member = user(11, 99, {5, 20});
  const Caller stranger = user(12, 99);
  Caller kernel = stranger;
  kernel.checked_by_kernel = true;
  const AccessCase cases[] = {
      {0400, owner, R_OK, 0},
      {0400, owner, W_OK, EACCES},
      {0077, owner, R_OK, EACCES},
      {0040, member, R_OK, 0},
      {0707, member, R_OK, EACCES},
      {0040, also_member, R_OK, 0},
      {0004, stranger, R_OK, 0},
      {0770, stranger, R_OK, EACCES},
      {0006, stranger, R_OK | W_OK, 0},
      {0004, stranger, R_OK | W_OK, EACCES},
      {0000, user(0, 0), R_OK | W_OK, 0},
      {0000, user(0, 0), X_OK, EACCES},
      {0001, user(0, 0), X_OK, 0},
      {0000, kernel, R_OK | W_OK | X_OK, 0},
      {0000, stranger, F_OK, 0},
  };
  for (const AccessCase& c : cases) {
    chown(file, 10, 20);
    chmod(file, c.mode);
    EXPECT_THAT(run(fs->access(c.who, file, c.mask)), FailsWith(c.error))
        << std::oct << c.mode << " by " << c.who.uid << " for " << c.mask;
  }
}

TEST_F(VfsRights, NamesNeedSearchAndWriteOnTheirDirectory) {
  const Ino dir = mkdir(kRoot, "d");
  make_file(dir, "f");
  const Caller who = user(1, 1);
  struct {
    std::uint32_t mode;
    int lookup, create, unlink, list;
  } const cases[] = {{0777, 0, 0, 0, 0},
                     {0775, 0, EACCES, EACCES, 0},
                     {0776, EACCES, EACCES, EACCES, 0},
                     {0771, 0, EACCES, EACCES, EACCES},
                     {0773, 0, 0, 0, EACCES}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.mode);
    chmod(dir, c.mode);
    EXPECT_THAT(run(fs->lookup(who, dir, "f")), FailsWith(c.lookup));
    EXPECT_THAT(run(fs->make_node(who, dir, "n", {.mode = 0644})), FailsWith(c.create));
    EXPECT_THAT(run(fs->link(who, find(dir, "f"), dir, "l")), FailsWith(c.create));
    EXPECT_THAT(run(fs->rename(who, dir, "f", dir, "g", 0)), FailsWith(c.unlink));
    if (c.unlink == 0) {
      EXPECT_THAT(run(fs->rename(who, dir, "g", dir, "f", 0)), Succeeds());
      EXPECT_THAT(run(fs->unlink(who, dir, "n")), Succeeds());
      EXPECT_THAT(run(fs->unlink(who, dir, "l")), Succeeds());
    } else {
      EXPECT_THAT(run(fs->unlink(who, dir, "f")), FailsWith(c.unlink));
    }
    auto handle = run(fs->open_directory(who, dir));
    EXPECT_THAT(handle, FailsWith(c.list));
    if (handle) {
      EXPECT_THAT(run(fs->release_directory(*handle)), Succeeds());
    }
  }
}

TEST_F(VfsRights, InAStickyDirectoryOnlyOwnersRemoveAndRename) {
  const Ino dir = mkdir(kRoot, "tmp");
  chmod(dir, 01777);
  chown(dir, 9, 9);
  for (const char* name : {"a", "b"}) make_file(dir, name, "", 0666, user(1, 1));
  EXPECT_THAT(run(fs->unlink(user(2, 2), dir, "a")), FailsWith(EPERM));
  EXPECT_THAT(run(fs->rename(user(2, 2), dir, "a", dir, "c", 0)), FailsWith(EPERM));
  make_file(dir, "mine", "", 0666, user(2, 2));
  EXPECT_THAT(run(fs->rename(user(2, 2), dir, "mine", dir, "a", 0)), FailsWith(EPERM));
  EXPECT_THAT(run(fs->unlink(user(1, 1), dir, "a")), Succeeds());
  EXPECT_THAT(run(fs->unlink(user(9, 9), dir, "b")), Succeeds());
  Caller kernel = user(3, 3);
  kernel.checked_by_kernel = true;
  EXPECT_THAT(run(fs->unlink(kernel, dir, "mine")), Succeeds());
}

TEST_F(VfsRights, MovingADirectoryNeedsWriteOnItself) {
  const Ino from = mkdir(kRoot, "from");
  const Ino to = mkdir(kRoot, "to");
  chmod(from, 0777);
  chmod(to, 0777);
  const Ino moved = mkdir(from, "moved");
  EXPECT_THAT(run(fs->rename(user(1, 1), from, "moved", to, "moved", 0)), FailsWith(EACCES));
  EXPECT_THAT(run(fs->rename(user(1, 1), from, "moved", from, "again", 0)), Succeeds());
  chmod(moved, 0777);
  EXPECT_THAT(run(fs->rename(user(1, 1), from, "again", to, "moved", 0)), Succeeds());
}

TEST_F(VfsRights, OnlyOwnersChangeModesAndOnlyRootGivesFilesAway) {
  const Ino file = make_file(kRoot, "f");
  chown(file, 1, 1);
  const Caller owner = user(1, 1, {2});
  const Caller stranger = user(5, 5);
  struct {
    Caller who;
    AttributeChange what;
    int error;
  } const cases[] = {
      {stranger, {.mode = 0600}, EPERM},
      {owner, {.mode = 0666}, 0},
      {owner, {.uid = 2}, EPERM},
      {owner, {.uid = 1}, 0},
      {owner, {.gid = 2}, 0},
      {owner, {.gid = 3}, EPERM},
      {owner, {.gid = 1}, 0},
      {stranger, {.gid = 5}, EPERM},
      {stranger, {.atime_now = true, .mtime_now = true}, 0},  // the mode is 0666
      {stranger, {.mtime_now = true}, EPERM},
      {stranger, {.mtime = 5}, EPERM},
      {owner, {.mtime = 5}, 0},
      {stranger, {.size = 5}, 0},
      {owner, {.mode = 0400}, 0},
      {stranger, {.size = 5}, EACCES},
      {stranger, {.atime_now = true, .mtime_now = true}, EACCES},
      {owner, {.atime_now = true, .mtime_now = true}, 0},
      {stranger, {}, 0},
  };
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_THAT(try_change(cases[i].who, file, cases[i].what), FailsWith(cases[i].error)) << i;
  }
  Caller kernel = stranger;
  kernel.checked_by_kernel = true;
  EXPECT_THAT(try_change(kernel, file, {.mode = 0666, .uid = 7}), Succeeds());
}

TEST_F(VfsRights, SizesBelongToRegularFiles) {
  auto link = run(fs->make_symlink({}, kRoot, "l", "x"));
  EXPECT_THAT(try_change({}, kRoot, {.size = 0}), FailsWith(EISDIR));
  EXPECT_THAT(try_change({}, link->ino, {.size = 0}), FailsWith(EINVAL));
  EXPECT_THAT(try_change({}, link->ino, {.mode = 0600}), FailsWith(EOPNOTSUPP));
}

struct PrivilegeCase {
  const char* what;
  std::uint32_t before;
  Caller who;
  std::uint32_t after;
};

TEST_F(VfsRights, WritingByOthersTakesSetIdBitsAway) {
  const Caller someone = user(5, 5);
  Caller kernel = someone;
  kernel.checked_by_kernel = true;
  const PrivilegeCase cases[] = {
      {"others", 06777, someone, 0777},
      {"without group execute", 06767, someone, 02767},
      {"root", 06777, user(0, 0), 06777},
      {"the kernel says when", 06777, kernel, 06777},
  };
  for (const PrivilegeCase& c : cases) {
    SCOPED_TRACE(c.what);
    const Ino file = make_file(kRoot, "f");
    chmod(file, c.before);
    const HandleId handle = open_file(file, O_RDWR, c.who);
    ASSERT_THAT(run(fs->write(c.who, handle, 0, as_bytes("x"), false)), Succeeds());
    EXPECT_EQ(stat(file).mode & 07777, c.after);
    chmod(file, c.before);
    ASSERT_THAT(run(fs->set_attributes(c.who, file, handle, {.size = 0})), Succeeds());
    EXPECT_EQ(stat(file).mode & 07777, c.after);
    chmod(file, 06777);
    ASSERT_THAT(run(fs->write(c.who, handle, 0, as_bytes("x"), true)), Succeeds());
    EXPECT_EQ(stat(file).mode & 07777, 0777U);
    EXPECT_THAT(run(fs->release(handle)), Succeeds());
    ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
  }
}

// No kernel sends a flag with these, also not one that has left taking privileges away to us.
TEST_F(VfsRights, AllocatingAndCopyingByOthersTakeSetIdBitsAndCapabilitiesAway) {
  const Ino source = make_file(kRoot, "source", "some bytes", 0666);
  for (const bool kernel : {false, true}) {
    for (const std::uint32_t uid : {0U, 5U}) {
      for (const bool copies : {false, true}) {
        SCOPED_TRACE(::testing::Message() << kernel << " " << uid << " " << copies);
        Caller who = user(uid, uid);
        who.checked_by_kernel = kernel;
        const Ino file = make_file(kRoot, "f");
        chmod(file, 06777);
        ASSERT_THAT(run(fs->set_xattr({}, file, "security.capability", "cap", 0)), Succeeds());
        const HandleId from = open_file(source, O_RDONLY, who);
        const HandleId to = open_file(file, O_RDWR, who);
        if (copies) {
          ASSERT_THAT(run(fs->copy_range(who, from, 0, to, 0, 10)), Succeeds());
        } else {
          ASSERT_THAT(run(fs->allocate(who, to, 0, 0, 100)), Succeeds());
        }
        EXPECT_EQ(stat(file).mode & 07777, uid == 0 ? 06777U : 0777U);
        EXPECT_THAT(run(fs->get_xattr({}, file, "security.capability")), FailsWith(ENODATA));
        EXPECT_THAT(run(fs->release(from)), Succeeds());
        EXPECT_THAT(run(fs->release(to)), Succeeds());
        ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
      }
    }
  }
}

TEST_F(VfsRights, ChownTakesSetIdBitsAndCapabilitiesAwayEvenForRoot) {
  const Ino file = make_file(kRoot, "f");
  chmod(file, 06755);
  ASSERT_THAT(run(fs->set_xattr({}, file, "security.capability", "cap", 0)), Succeeds());
  chown(file, 3, 3);
  EXPECT_EQ(stat(file).mode & 07777, 0755U);
  EXPECT_THAT(run(fs->get_xattr({}, file, "security.capability")), FailsWith(ENODATA));
  const Ino dir = mkdir(kRoot, "d");
  chmod(dir, 02755);
  chown(dir, 3, 3);
  EXPECT_EQ(stat(dir).mode & 07777, 02755U);
}

TEST_F(VfsRights, WritingTakesCapabilitiesAway) {
  const Ino file = make_file(kRoot, "f");
  ASSERT_THAT(run(fs->set_xattr({}, file, "security.capability", "cap", 0)), Succeeds());
  const HandleId handle = open_file(file);
  ASSERT_THAT(run(fs->write({}, handle, 0, as_bytes("x"), false)), Succeeds());
  EXPECT_THAT(run(fs->get_xattr({}, file, "security.capability")), FailsWith(ENODATA));
  EXPECT_EQ(stat(file).flags, 0U);
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
}

TEST_F(VfsRights, ANonMembersChmodLosesSetGid) {
  const Ino file = make_file(kRoot, "f");
  chown(file, 1, 7);
  EXPECT_EQ(try_change(user(1, 1), file, {.mode = 02755})->inode.mode & 07777, 0755U);
  EXPECT_EQ(try_change(user(1, 1, {7}), file, {.mode = 02755})->inode.mode & 07777, 02755U);
}

TEST_F(VfsRights, ASetGidDirectoryGivesItsGroupOn) {
  const Ino dir = mkdir(kRoot, "d");
  chown(dir, 0, 7);
  chmod(dir, 02777);
  const Ino file = make_file(dir, "f", "", 0644, user(1, 1));
  EXPECT_EQ(stat(file).gid, 7U);
  const Ino sub = mkdir(dir, "sub", 0755, user(1, 1));
  EXPECT_EQ(stat(sub).gid, 7U);
  EXPECT_EQ(stat(sub).mode & 07777, 02755U);
  const Ino foreign = make_file(dir, "g", "", 02755, user(1, 1));
  EXPECT_EQ(stat(foreign).mode & 07777, 0755U);
  const Ino member = make_file(dir, "h", "", 02755, user(1, 1, {7}));
  EXPECT_EQ(stat(member).mode & 07777, 02755U);
}

TEST_F(VfsRights, TheUmaskIsTakenOffAndDeviceNodesAreRoots) {
  chmod(kRoot, 0777);
  auto made = run(fs->make_node({}, kRoot, "f", {.mode = 0666, .umask = 027}));
  EXPECT_EQ(made->inode.mode & 07777, 0640U);
  EXPECT_THAT(run(fs->make_node(user(1, 1), kRoot, "c", {.mode = S_IFCHR | 0600})),
              FailsWith(EPERM));
  EXPECT_THAT(run(fs->make_node(user(1, 1), kRoot, "p", {.mode = S_IFIFO | 0600})), Succeeds());
  EXPECT_THAT(run(fs->make_node({}, kRoot, "d", {.mode = S_IFDIR | 0600})), FailsWith(EPERM));
  EXPECT_THAT(run(fs->make_node({}, kRoot, "l", {.mode = S_IFLNK | 0600})), FailsWith(EINVAL));
}

}  // namespace
}  // namespace cairn::vfs
