#include <linux/falloc.h>

#include "tests/unit/vfs/vfs_fixture.h"

namespace cairn::vfs {
namespace {

using VfsFiles = VfsTest;

TEST_F(VfsFiles, HandlesAllowWhatTheyWereOpenedFor) {
  const Ino file = make_file(kRoot, "f", "abc");
  const HandleId reader = open_file(file, O_RDONLY);
  const HandleId writer = open_file(file, O_WRONLY);
  EXPECT_THAT(run(fs->write({}, reader, 0, as_bytes("x"), false)), FailsWith(EBADF));
  EXPECT_THAT(read_handle(writer, 0, 1), FailsWith(EBADF));
  EXPECT_THAT(run(fs->allocate({}, reader, 0, 0, 10)), FailsWith(EBADF));
  EXPECT_THAT(run(fs->copy_range({}, writer, 0, writer, 10, 1)), FailsWith(EBADF));
  EXPECT_THAT(run(fs->copy_range({}, reader, 0, reader, 10, 1)), FailsWith(EBADF));
  AttributeChange shrink;
  shrink.size = 1;
  EXPECT_THAT(run(fs->set_attributes({}, file, reader, shrink)), FailsWith(EINVAL));
  EXPECT_THAT(run(fs->set_attributes({}, file, writer, shrink)), Succeeds());
  EXPECT_THAT(run(fs->release(reader)), Succeeds());
  EXPECT_THAT(run(fs->release(reader)), FailsWith(EBADF));
  EXPECT_THAT(read_handle(reader, 0, 1), FailsWith(EBADF));
  EXPECT_THAT(run(fs->release(writer)), Succeeds());
}

TEST_F(VfsFiles, WhatIsNoRegularFileCannotBeOpenedAsOne) {
  const Ino dir = mkdir(kRoot, "d");
  auto link = run(fs->make_symlink({}, kRoot, "l", "x"));
  EXPECT_THAT(run(fs->open_file({}, dir, O_RDONLY)), FailsWith(EISDIR));
  EXPECT_THAT(run(fs->open_file({}, link->ino, O_RDONLY)), FailsWith(ELOOP));
  const Ino file = make_file(kRoot, "f");
  EXPECT_THAT(run(fs->open_file({}, file, O_RDONLY | O_DIRECTORY)), FailsWith(ENOTDIR));
  EXPECT_THAT(run(fs->open_directory({}, file)), FailsWith(ENOTDIR));
  auto handle = run(fs->open_directory({}, dir));
  EXPECT_THAT(read_handle(*handle, 0, 1), FailsWith(EISDIR));
  EXPECT_THAT(run(fs->release(*handle)), FailsWith(EBADF));
  EXPECT_THAT(run(fs->release_directory(*handle)), Succeeds());
}

TEST_F(VfsFiles, CreateOpensWhatExistsUnlessItMustBeNew) {
  const Ino file = make_file(kRoot, "f", "abc");
  EXPECT_THAT(run(fs->create({}, kRoot, "f", {.mode = 0644}, O_RDWR | O_EXCL)), FailsWith(EEXIST));
  auto opened = run(fs->create({}, kRoot, "f", {.mode = 0}, O_RDWR | O_TRUNC));
  ASSERT_THAT(opened, Succeeds());
  EXPECT_EQ(opened->second.ino, file);
  EXPECT_EQ(opened->second.inode.size, 0U);
  EXPECT_EQ(opened->second.inode.mode, S_IFREG | 0644U);
  EXPECT_EQ(volume.referenced_bytes(), 0);
  EXPECT_THAT(run(fs->release(opened->first)), Succeeds());
  Caller kernel = user(5, 5);
  kernel.checked_by_kernel = true;  // it has checked no right on a file that it did not know of
  EXPECT_THAT(run(fs->create(kernel, kRoot, "f", {.mode = 0644}, O_RDWR)), FailsWith(ESTALE));
  mkdir(kRoot, "d");
  EXPECT_THAT(run(fs->create({}, kRoot, "d", {.mode = 0644}, O_RDONLY)), FailsWith(EISDIR));
}

TEST_F(VfsFiles, WhoCreatesAFileMayWriteToItWhateverItsMode) {
  mkdir(kRoot, "open", 0777);
  AttributeChange chmod;
  chmod.mode = 0777;
  ASSERT_THAT(run(fs->set_attributes({}, kRoot, {}, chmod)), Succeeds());
  auto made = run(fs->create(user(5, 5), kRoot, "f", {.mode = 0400}, O_RDWR));
  ASSERT_THAT(made, Succeeds());
  EXPECT_THAT(run(fs->write(user(5, 5), made->first, 0, as_bytes("x"), false)), Succeeds());
  EXPECT_THAT(run(fs->open_file(user(5, 5), made->second.ino, O_RDWR)), FailsWith(EACCES));
  EXPECT_THAT(run(fs->release(made->first)), Succeeds());
}

TEST_F(VfsFiles, AppendingGoesToTheEndWhateverTheOffset) {
  const Ino file = make_file(kRoot, "f", "abc");
  const HandleId one = open_file(file, O_WRONLY | O_APPEND);
  const HandleId two = open_file(file, O_WRONLY | O_APPEND);
  EXPECT_THAT(run(fs->write({}, one, 0, as_bytes("1"), false)), Succeeds());
  EXPECT_THAT(run(fs->write({}, two, 0, as_bytes("2"), false)), Succeeds());
  EXPECT_EQ(read_file(file), "abc12");
  EXPECT_THAT(run(fs->release(one)), Succeeds());
  EXPECT_THAT(run(fs->release(two)), Succeeds());
}

TEST_F(VfsFiles, WritesHaveTheirBounds) {
  const Ino file = make_file(kRoot, "f");
  const HandleId handle = open_file(file);
  const std::string large(kIoBytesMax + 1, 'x');
  EXPECT_THAT(run(fs->write({}, handle, 0, as_bytes(large), false)), FailsWith(EINVAL));
  EXPECT_THAT(run(fs->write({}, handle, kFileBytesMax, as_bytes("x"), false)), FailsWith(EFBIG));
  EXPECT_THAT(run(fs->write({}, handle, UINT64_MAX, as_bytes("x"), false)), FailsWith(EFBIG));
  EXPECT_THAT(run(fs->write({}, handle, kFileBytesMax - 1, as_bytes("x"), false)), Succeeds());
  EXPECT_EQ(stat(file).size, kFileBytesMax);
  AttributeChange grow;
  grow.size = kFileBytesMax + 1;
  EXPECT_THAT(run(fs->set_attributes({}, file, {}, grow)), FailsWith(EFBIG));
  EXPECT_THAT(run(fs->allocate({}, handle, 0, kFileBytesMax - 1, 2)), FailsWith(EFBIG));
  EXPECT_THAT(run(fs->allocate({}, handle, 0, 0, 0)), FailsWith(EINVAL));
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
}

TEST_F(VfsFiles, AnUnlinkedFileLivesUntilItsLastClose) {
  const Ino file = make_file(kRoot, "f", "abc");
  const HandleId handle = open_file(file);
  ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
  EXPECT_EQ(stat(file).nlink, 0U);
  EXPECT_EQ(*read_handle(handle, 0, 10), "abc");
  EXPECT_THAT(run(fs->write({}, handle, 3, as_bytes("d"), false)), Succeeds());
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
  EXPECT_THAT(run(fs->get_attributes({}, file)), FailsWith(ESTALE));
  EXPECT_EQ(volume.referenced_bytes(), 0);
  EXPECT_EQ(volume.keys().size(), kKeysOfAnEmptyVolume);
}

TEST_F(VfsFiles, AnUnlinkedFileLivesAsLongAsADoorRemembersIt) {
  const Ino file = make_file(kRoot, "f", "abc");
  fs->remember(file, 3);
  ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
  fs->forget(file, 2);
  EXPECT_EQ(read_file(file), "abc");
  fs->forget(file, 1);
  EXPECT_THAT(run(fs->get_attributes({}, file)), FailsWith(ESTALE));
  EXPECT_EQ(volume.keys().size(), kKeysOfAnEmptyVolume);
}

TEST_F(VfsFiles, FilesThatWereOpenAndUnlinkedAreFreedAtTheNextStart) {
  const Ino file = make_file(kRoot, "f", "abc");
  ASSERT_THAT(run(fs->set_xattr({}, file, "user.a", "b", 0)), Succeeds());
  open_file(file);
  const Ino dir = mkdir(kRoot, "d");
  fs->remember(dir);
  ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
  ASSERT_THAT(run(fs->remove_directory({}, kRoot, "d")), Succeeds());
  EXPECT_EQ(fs->stats().inodes_used, 3U);
  ASSERT_THAT(run(fs->sync_all()), Succeeds());
  crash_and_reopen();
  EXPECT_EQ(volume.referenced_bytes(), 0);
  EXPECT_EQ(volume.keys().size(), kKeysOfAnEmptyVolume);
  EXPECT_EQ(fs->stats().inodes_used, 1U);
  EXPECT_EQ(fs->stats().bytes_used, 0U);
}

TEST_F(VfsFiles, ALargeFileIsFreedInSeveralTransactions) {
  const Ino file = make_file(kRoot, "f");
  const HandleId handle = open_file(file);
  for (std::uint64_t i = 0; i < 5000; ++i) {
    ASSERT_THAT(run(fs->write({}, handle, i * 8192, as_bytes("x"), false)), Succeeds());
  }
  EXPECT_EQ(fs->stats().bytes_used, 5000U);
  ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
  sim.run_until_idle();
  EXPECT_EQ(volume.referenced_bytes(), 0);
  EXPECT_EQ(volume.keys().size(), kKeysOfAnEmptyVolume);
  EXPECT_EQ(fs->stats().bytes_used, 0U);
}

TEST_F(VfsFiles, ALargeTruncationCountsExactlyInTheEnd) {
  const Ino file = make_file(kRoot, "f");
  const HandleId handle = open_file(file, O_RDWR);
  for (std::uint64_t i = 0; i < 5000; ++i) {
    ASSERT_THAT(run(fs->write({}, handle, i * 8192, as_bytes("x"), false)), Succeeds());
  }
  AttributeChange shrink;
  shrink.size = 1;
  ASSERT_THAT(run(fs->set_attributes({}, file, handle, shrink)), Succeeds());
  sim.run_until_idle();
  EXPECT_EQ(stat(file).blocks, 1U);
  EXPECT_EQ(fs->stats().bytes_used, 1U);
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
}

TEST_F(VfsFiles, AnUnnamedFileGetsANameUnlessThatWasForbidden) {
  auto file = run(fs->make_tmpfile({}, kRoot, {.mode = 0600}, O_RDWR));
  ASSERT_THAT(file, Succeeds());
  EXPECT_EQ(file->second.inode.nlink, 0U);
  EXPECT_THAT(run(fs->write({}, file->first, 0, as_bytes("abc"), false)), Succeeds());
  ASSERT_THAT(run(fs->link({}, file->second.ino, kRoot, "named")), Succeeds());
  EXPECT_THAT(run(fs->release(file->first)), Succeeds());
  EXPECT_EQ(stat(file->second.ino).nlink, 1U);
  EXPECT_EQ(read_file(find(kRoot, "named")), "abc");

  auto hidden = run(fs->make_tmpfile({}, kRoot, {.mode = 0600}, O_RDWR | O_EXCL));
  ASSERT_THAT(hidden, Succeeds());
  EXPECT_THAT(run(fs->link({}, hidden->second.ino, kRoot, "x")), FailsWith(ENOENT));
  EXPECT_THAT(run(fs->release(hidden->first)), Succeeds());
  EXPECT_EQ(fs->stats().inodes_used, 2U);
  EXPECT_THAT(run(fs->make_tmpfile({}, kRoot, {.mode = 0600}, O_RDONLY)), FailsWith(EINVAL));
  EXPECT_THAT(run(fs->make_tmpfile({}, file->second.ino, {.mode = 0600}, O_RDWR)),
              FailsWith(ENOTDIR));
}

TEST_F(VfsFiles, AFileThatHasLostItsNameGetsNoOther) {
  auto file = run(fs->make_tmpfile({}, kRoot, {.mode = 0600}, O_RDWR));
  ASSERT_THAT(file, Succeeds());
  ASSERT_THAT(run(fs->link({}, file->second.ino, kRoot, "named")), Succeeds());
  ASSERT_THAT(run(fs->unlink({}, kRoot, "named")), Succeeds());
  EXPECT_THAT(run(fs->link({}, file->second.ino, kRoot, "again")), FailsWith(ENOENT));
  EXPECT_THAT(run(fs->release(file->first)), Succeeds());
}

TEST_F(VfsFiles, AnUnnamedFileIsGoneAfterACrash) {
  auto file = run(fs->make_tmpfile({}, kRoot, {.mode = 0600}, O_RDWR));
  EXPECT_THAT(run(fs->write({}, file->first, 0, as_bytes("abc"), false)), Succeeds());
  ASSERT_THAT(run(fs->fsync(file->second.ino, false)), Succeeds());
  crash_and_reopen();
  EXPECT_EQ(volume.keys().size(), kKeysOfAnEmptyVolume);
  EXPECT_EQ(volume.referenced_bytes(), 0);
}

TEST_F(VfsFiles, AFullVolumeStillOverwritesAndFrees) {
  reopen({.bytes_max = 10'000});
  const Ino file = make_file(kRoot, "f", std::string(9000, 'a'));
  const HandleId handle = open_file(file);
  const std::string more(2000, 'b');
  EXPECT_THAT(run(fs->write({}, handle, 9000, as_bytes(more), false)), FailsWith(ENOSPC));
  EXPECT_THAT(run(fs->write({}, handle, 1000, as_bytes(more), false)), Succeeds());
  EXPECT_THAT(run(fs->write({}, handle, 8000, as_bytes(more), false)), Succeeds());
  EXPECT_EQ(fs->stats().bytes_used, 10'000U);
  EXPECT_THAT(run(fs->write({}, handle, 0, as_bytes(more), false)), Succeeds());
  EXPECT_THAT(run(fs->allocate({}, handle, 0, 10'000, 1)), FailsWith(ENOSPC));
  EXPECT_THAT(run(fs->copy_range({}, handle, 0, handle, 10'000, 1)), FailsWith(ENOSPC));
  EXPECT_THAT(run(fs->allocate({}, handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5000)),
              Succeeds());
  EXPECT_EQ(fs->stats().bytes_used, 5000U);
  ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
  EXPECT_EQ(fs->stats().bytes_used, 0U);
}

TEST_F(VfsFiles, WritingTruncatingAndAllocatingChangeMtimeAndCtime) {
  const Ino file = make_file(kRoot, "f", "abc");
  const HandleId handle = open_file(file);
  auto changed_now = [&] {
    const TimeNs now = sim.runtime().clock.wall().count();
    return stat(file).mtime == now && stat(file).ctime == now;
  };
  tick();
  ASSERT_THAT(run(fs->write({}, handle, 0, {}, false)), Succeeds());
  EXPECT_FALSE(changed_now());
  ASSERT_THAT(run(fs->write({}, handle, 0, as_bytes("x"), false)), Succeeds());
  EXPECT_TRUE(changed_now());
  tick();
  ASSERT_THAT(run(fs->allocate({}, handle, 0, 0, 100)), Succeeds());
  EXPECT_TRUE(changed_now());
  tick();
  AttributeChange same;
  same.size = 100;
  ASSERT_THAT(run(fs->set_attributes({}, file, handle, same)), Succeeds());
  EXPECT_TRUE(changed_now());
  tick();
  EXPECT_THAT(run(fs->release(open_file(file, O_RDWR | O_TRUNC))), Succeeds());
  EXPECT_TRUE(changed_now());
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
}

TEST_F(VfsFiles, ReadingKeepsRelatimeAndMakesNoCommitOfItsOwn) {
  const Ino file = make_file(kRoot, "f", "abc");
  tick();
  ASSERT_THAT(run(fs->sync_all()), Succeeds());
  const auto stored = volume.keys();
  read_file(file);
  const TimeNs first = stat(file).atime;
  EXPECT_EQ(first, sim.runtime().clock.wall().count());
  EXPECT_EQ(volume.keys(), stored);
  tick();
  read_file(file);
  EXPECT_EQ(stat(file).atime, first);  // newer than the last change already
  sim.run_for(std::chrono::hours(25));
  const HandleId quiet = open_file(file, O_RDONLY | O_NOATIME);
  EXPECT_EQ(*read_handle(quiet, 0, 3), "abc");
  EXPECT_THAT(run(fs->release(quiet)), Succeeds());
  EXPECT_EQ(stat(file).atime, first);
  read_file(file);
  EXPECT_GT(stat(file).atime, first);
  make_file(kRoot, "other");  // somebody else's transaction takes the atime along
  const TimeNs last = stat(file).atime;
  ASSERT_THAT(run(fs->sync_all()), Succeeds());
  crash_and_reopen();
  EXPECT_EQ(stat(file).atime, last);
}

TEST_F(VfsFiles, CopyingSharesBytesAndCountsThemTwice) {
  const Ino file = make_file(kRoot, "f", std::string(8192, 'a'));
  const Ino copy = make_file(kRoot, "g");
  const HandleId from = open_file(file, O_RDONLY);
  const HandleId to = open_file(copy, O_WRONLY);
  auto copied = run(fs->copy_range({}, from, 0, to, 0, 100'000));
  ASSERT_THAT(copied, Succeeds());
  EXPECT_EQ(*copied, 8192U);
  EXPECT_EQ(read_file(copy), std::string(8192, 'a'));
  EXPECT_EQ(fs->stats().bytes_used, 16384U);
  EXPECT_EQ(*run(fs->copy_range({}, from, 8192, to, 0, 1)), 0U);
  EXPECT_EQ(*run(fs->seek(from, 0, SEEK_HOLE)), 8192U);
  EXPECT_THAT(run(fs->seek(from, 8192, SEEK_DATA)), FailsWith(ENXIO));
  EXPECT_THAT(run(fs->release(from)), Succeeds());
  EXPECT_THAT(run(fs->release(to)), Succeeds());
  ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
  EXPECT_EQ(read_file(copy), std::string(8192, 'a'));
  ASSERT_THAT(run(fs->unlink({}, kRoot, "g")), Succeeds());
  EXPECT_EQ(volume.keys().size(), kKeysOfAnEmptyVolume);
}

TEST_F(VfsFiles, LocksEndWithTheirOwnersCloseOrTheHandle) {
  const Ino file = make_file(kRoot, "f", "abc");
  const HandleId reader = open_file(file, O_RDONLY);
  const HandleId writer = open_file(file, O_WRONLY);
  const RangeLock write{.type = LockType::kWrite, .owner = {1, 1}};
  const RangeLock read{.type = LockType::kRead, .owner = {1, 2}};
  EXPECT_THAT(run(fs->set_lock(writer, write, false, 0)), Succeeds());
  EXPECT_THAT(run(fs->set_lock(reader, read, false, 0)), FailsWith(EAGAIN));
  EXPECT_EQ(run(fs->test_lock(reader, read))->type, LockType::kWrite);
  EXPECT_THAT(run(fs->flush(writer, {1, 1})), Succeeds());
  EXPECT_THAT(run(fs->set_lock(reader, read, false, 0)), Succeeds());
  EXPECT_THAT(run(fs->release(reader)), Succeeds());
  EXPECT_THAT(run(fs->set_lock(writer, write, false, 0)), Succeeds());
  EXPECT_THAT(run(fs->release(writer)), Succeeds());
}

TEST_F(VfsFiles, WhatAVanishedClientHadOpenIsClosed) {
  const Ino file = make_file(kRoot, "f", "abc");
  Caller gone;
  gone.client = 7;
  const HandleId handle = open_file(file, O_RDWR, gone);
  const LockOwner owner{.client = 7, .owner = 1};
  EXPECT_THAT(run(fs->set_flock(handle, owner, LockType::kWrite, false, 0)), Succeeds());
  ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
  fs->drop_client(7);
  EXPECT_THAT(run(fs->release(handle)), FailsWith(EBADF));
  EXPECT_EQ(volume.keys().size(), kKeysOfAnEmptyVolume);
}

}  // namespace
}  // namespace cairn::vfs
