#include <dirent.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <future>

#include "fsd/frontends/fuse/stale_mount.h"
#include "tests/unit/fuse/mount_fixture.h"

namespace cairn::fuse {
namespace {

using Requests = std::map<std::string, std::uint64_t>;

void list_with_attributes(const std::string& path) {
  DIR* dir = opendir(path.c_str());
  while (const dirent* entry = readdir(dir)) {
    struct stat st{};
    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW);
  }
  closedir(dir);
}

TEST_P(MountTest, what_the_kernel_knows_it_does_not_ask_again) {
  ASSERT_EQ(mkdir(path("dir").c_str(), 0755), 0);
  for (int i = 0; i < 50; ++i) write_file(path("dir/f" + std::to_string(i)), "bytes");
  const auto warm_up = [&] {
    read_file(path("dir/f1"));
    access(path("dir/missing").c_str(), F_OK);
    list_with_attributes(path("dir"));
  };
  warm_up();
  warm_up();
  struct stat st{};
  EXPECT_EQ(counted([&] { ASSERT_EQ(stat(path("dir/f1").c_str(), &st), 0); }), Requests{});
  EXPECT_EQ(counted([&] { access(path("dir/missing").c_str(), F_OK); }), Requests{});
  EXPECT_EQ(counted([&] { EXPECT_EQ(read_file(path("dir/f1")), "bytes"); }),
            (Requests{{"open", 1}, {"flush", 1}}));
  EXPECT_EQ(counted([&] { list_with_attributes(path("dir")); }), (Requests{{"opendir", 1}}));
}

// The kernel asks once per file for security.capability, however it is served.
TEST_P(MountTest, a_new_small_file_costs_six_requests_with_the_release) {
  access(path("missing").c_str(), F_OK);  // the root's attributes are known now
  EXPECT_EQ(counted([&] { write_file(path("new"), "bytes"); }),
            (Requests{{"lookup", 1}, {"create", 1}, {"getxattr", 1}, {"write", 1}, {"flush", 1}}));
  EXPECT_EQ(counted([&] {
              const Fd fd(open(path("new").c_str(), O_WRONLY));
              for (int i = 0; i < 10; ++i) ASSERT_EQ(pwrite(fd, "x", 1, i), 1);
            }).at("write"),
            10U);
}

TEST_P(MountTest, listing_a_directory_brings_the_attributes_along) {
  ASSERT_EQ(mkdir(path("dir").c_str(), 0755), 0);
  for (int i = 0; i < 50; ++i) side_create("x" + std::to_string(i));
  flush_invalidations();
  const auto requests = counted([&] { list_with_attributes(mount_.path()); });
  EXPECT_LE(requests.contains("lookup") ? requests.at("lookup") : 0, 2U);
}

TEST_P(MountTest, a_name_made_at_another_door_is_seen_where_there_was_none) {
  EXPECT_EQ(access(path("made").c_str(), F_OK), -1);
  side_create("made");
  flush_invalidations();
  EXPECT_EQ(access(path("made").c_str(), F_OK), 0);
}

TEST_P(MountTest, a_name_removed_at_another_door_is_gone) {
  write_file(path("file"), "x");
  ASSERT_EQ(access(path("file").c_str(), F_OK), 0);
  auto removed =
      core_.run<Result<void>>([&] { return core_.vfs().unlink(other(), vfs::kRootIno, "file"); });
  ASSERT_TRUE(removed);
  flush_invalidations();
  EXPECT_EQ(access(path("file").c_str(), F_OK), -1);
  EXPECT_EQ(errno, ENOENT);
  DIR* dir = opendir(mount_.path().c_str());
  while (const dirent* entry = readdir(dir)) EXPECT_STRNE(entry->d_name, "file");
  closedir(dir);
}

TEST_P(MountTest, bytes_written_at_another_door_are_read_even_by_those_who_had_it_open) {
  write_file(path("file"), "old bytes");
  const Fd fd(open(path("file").c_str(), O_RDONLY));
  char bytes[32] = {};
  ASSERT_EQ(pread(fd, bytes, sizeof bytes, 0), 9);
  side_write(side_lookup("file").ino, 0, "new bytes, and more");
  flush_invalidations();
  EXPECT_EQ(pread(fd, bytes, sizeof bytes, 0), 19);
  EXPECT_EQ(std::string(bytes, 19), "new bytes, and more");
  struct stat st{};
  ASSERT_EQ(stat(path("file").c_str(), &st), 0);
  EXPECT_EQ(st.st_size, 19);
}

TEST_P(MountTest, attributes_changed_at_another_door_are_seen) {
  write_file(path("file"), "x");
  struct stat st{};
  ASSERT_EQ(stat(path("file").c_str(), &st), 0);
  const Ino ino = side_lookup("file").ino;
  auto changed = core_.run<Result<vfs::Attributes>>(
      [&] { return core_.vfs().set_attributes(other(), ino, vfs::HandleId(), {.mode = 0600}); });
  ASSERT_TRUE(changed);
  flush_invalidations();
  ASSERT_EQ(stat(path("file").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777U, 0600U);
}

TEST_P(MountTest, thousands_of_changes_at_another_door_are_all_seen) {
  for (int i = 0; i < 3000; ++i) access(path("x" + std::to_string(i)).c_str(), F_OK);
  for (int i = 0; i < 3000; ++i) side_create("x" + std::to_string(i));
  flush_invalidations();
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(access(path("x" + std::to_string(i)).c_str(), F_OK), 0) << i;
  }
}

TEST_P(MountTest, its_own_changes_are_not_told_to_the_kernel_again) {
  write_file(path("file"), "x");
  struct stat st{};
  ASSERT_EQ(stat(path("file").c_str(), &st), 0);
  read_file(path("file"));
  ASSERT_EQ(stat(path("file").c_str(), &st), 0);
  flush_invalidations();
  EXPECT_EQ(counted([&] { ASSERT_EQ(stat(path("file").c_str(), &st), 0); }), Requests{});
}

TEST_P(MountTest, stop_unmounts_even_what_is_in_use) {
  write_file(path("file"), "x");
  const Fd fd(open(path("file").c_str(), O_RDONLY));
  core_.set_listener(nullptr);
  server_->stop();
  EXPECT_FALSE(find_mount(mount_.path()));
  char byte = 0;
  EXPECT_EQ(pread(fd, &byte, 1, 8192), -1);
  server_->stop();  // once more does nothing
}

TEST_P(MountTest, what_the_kernel_remembered_is_given_back_at_the_end) {
  write_file(path("file"), "x");
  const Ino ino = side_lookup("file").ino;
  {
    const Fd fd(open(path("file").c_str(), O_RDONLY));
    ASSERT_EQ(unlink(path("file").c_str()), 0);
    core_.set_listener(nullptr);
    server_->stop();
  }
  auto gone =
      core_.run<Result<vfs::Attributes>>([&] { return core_.vfs().get_attributes(other(), ino); });
  EXPECT_FALSE(gone);
}

}  // namespace
}  // namespace cairn::fuse
