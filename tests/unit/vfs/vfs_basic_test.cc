#include "tests/unit/vfs/vfs_fixture.h"

namespace cairn::vfs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using VfsBasics = VfsTest;

TEST_F(VfsBasics, ANewVolumeHasAnEmptyRootOfItsMaker) {
  const InodeRecord root = stat(kRoot);
  EXPECT_EQ(root.mode, S_IFDIR | 0755U);
  EXPECT_EQ(root.nlink, 2U);
  EXPECT_EQ(root.size, 0U);
  EXPECT_THAT(list(kRoot), IsEmpty());
  EXPECT_EQ(fs->stats().inodes_used, 1U);
}

TEST_F(VfsBasics, WhatIsMadeIsFoundWithItsContent) {
  const Ino dir = mkdir(kRoot, "d");
  const Ino file = make_file(dir, "f", "hello");
  EXPECT_EQ(find(kRoot, "d"), dir);
  EXPECT_EQ(find(dir, "f"), file);
  EXPECT_EQ(find(dir, ".."), kRoot);
  EXPECT_EQ(find(dir, "."), dir);
  EXPECT_EQ(read_file(file), "hello");
  EXPECT_EQ(stat(file).size, 5U);
  EXPECT_EQ(stat(kRoot).nlink, 3U);
  EXPECT_THAT(list(kRoot), ElementsAre("d"));
  EXPECT_EQ(fs->stats().bytes_used, 5U);
  EXPECT_EQ(fs->stats().inodes_used, 3U);
}

TEST_F(VfsBasics, SymlinksAndDeviceNodesKeepWhatTheyStandFor) {
  auto link = run(fs->make_symlink({}, kRoot, "l", "some/where"));
  ASSERT_THAT(link, Succeeds());
  EXPECT_EQ(*run(fs->read_symlink({}, link->ino)), "some/where");
  EXPECT_EQ(link->inode.size, 10U);
  EXPECT_EQ(link->inode.mode, S_IFLNK | 0777U);
  for (const std::uint32_t type : {S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK}) {
    const std::string name = std::to_string(type);
    auto node = run(fs->make_node({}, kRoot, name, {.mode = type | 0600, .rdev = 0x103}));
    ASSERT_THAT(node, Succeeds());
    EXPECT_EQ(node->inode.mode, type | 0600);
    EXPECT_EQ(node->inode.rdev, type == S_IFCHR || type == S_IFBLK ? 0x103U : 0U);
    EXPECT_THAT(run(fs->open_file({}, node->ino, O_RDONLY)), FailsWith(ENXIO));
  }
}

TEST_F(VfsBasics, SurvivesACrashUpToTheLastSync) {
  const Ino kept = make_file(kRoot, "kept", "abc");
  ASSERT_THAT(run(fs->fsync(kept, false)), Succeeds());
  make_file(kRoot, "lost", "def");
  crash_and_reopen();
  EXPECT_EQ(read_file(find(kRoot, "kept")), "abc");
  EXPECT_EQ(find(kRoot, "lost"), Ino());
  EXPECT_EQ(fs->stats().inodes_used, 2U);
  EXPECT_EQ(fs->stats().bytes_used, 3U);
}

TEST_F(VfsBasics, AfterACrashNoInodeNumberIsGivenOutAgain) {
  const Ino lost = make_file(kRoot, "lost");
  crash_and_reopen();
  EXPECT_THAT(run(fs->get_attributes({}, lost)), FailsWith(ESTALE));
  EXPECT_GT(make_file(kRoot, "other"), lost);
}

TEST_F(VfsBasics, HoweverManyNodesACrashUndoesNoneOfTheirNumbersIsGivenOutAgain) {
  const auto make_some = [this] {
    Ino last;
    for (int i = 0; i < 60; ++i) {
      const std::string name = std::to_string(i);
      last = std::max({last, mkdir(kRoot, "d" + name), make_file(kRoot, "f" + name)});
      const auto link = run(fs->make_symlink({}, kRoot, "l" + name, "x"));
      EXPECT_THAT(link, Succeeds());
      last = std::max(last, link->ino);
    }
    return last;
  };
  reopen({.inode_lease = 80});
  const Ino lost = make_some();
  fs.reset();
  volume.crash();
  open({.inode_lease = 80});
  EXPECT_GT(make_file(kRoot, "other"), lost);
}

TEST_F(VfsBasics, FsyncOfACleanFileSyncsNothing) {
  const Ino file = make_file(kRoot, "f", "abc");
  ASSERT_THAT(run(fs->fsync(file, false)), Succeeds());
  const auto syncs = volume.syncs();
  make_file(kRoot, "other", "abc");
  ASSERT_THAT(run(fs->fsync(file, true)), Succeeds());
  EXPECT_EQ(volume.syncs(), syncs);
  ASSERT_THAT(run(fs->fsync(kRoot, false)), Succeeds());
  EXPECT_EQ(volume.syncs(), syncs + 1);
}

TEST_F(VfsBasics, NothingIsLeftWhenAllIsDeleted) {
  const Ino dir = mkdir(kRoot, "d");
  const Ino file = make_file(dir, "f", std::string(100'000, 'x'));
  ASSERT_THAT(run(fs->set_xattr({}, file, "user.a", "b", 0)), Succeeds());
  ASSERT_THAT(run(fs->link({}, file, kRoot, "g")), Succeeds());
  ASSERT_THAT(run(fs->make_symlink({}, dir, "l", "x")), Succeeds());
  for (const char* name : {"f", "l"}) ASSERT_THAT(run(fs->unlink({}, dir, name)), Succeeds());
  ASSERT_THAT(run(fs->unlink({}, kRoot, "g")), Succeeds());
  ASSERT_THAT(run(fs->remove_directory({}, kRoot, "d")), Succeeds());
  EXPECT_EQ(volume.referenced_bytes(), 0);
  EXPECT_EQ(volume.keys().size(), kKeysOfAnEmptyVolume);
  EXPECT_EQ(fs->stats().bytes_used, 0U);
  EXPECT_EQ(fs->stats().inodes_used, 1U);
}

}  // namespace
}  // namespace cairn::vfs
