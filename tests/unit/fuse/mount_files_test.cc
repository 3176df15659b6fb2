#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/falloc.h>
#include <cerrno>
#include <cstring>
#include <set>

#include "tests/unit/fuse/mount_fixture.h"

namespace cairn::fuse {
namespace {

using ::testing::Contains;
using ::testing::Not;

std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    seed = seed * 1664525U + 1013904223U;
    bytes[i] = static_cast<char>(seed >> 24U);
  }
  return bytes;
}

TEST_P(MountTest, serves_over_what_was_asked_for) {
  EXPECT_EQ(server_->uses_io_uring(), GetParam() == IoUring::kOn);
}

TEST_P(MountTest, what_was_written_is_read_back_whatever_its_size) {
  for (const std::size_t size : {0UL, 1UL, 4096UL, 65537UL, 1048576UL, 5000000UL}) {
    const std::string bytes = pattern(size);
    write_file(path("file"), bytes);
    // Not from the kernel's cache.
    const Fd fd(open(path("file").c_str(), O_RDONLY));
    ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    EXPECT_TRUE(read_file(path("file")) == bytes) << size;
  }
}

TEST_P(MountTest, direct_io_reads_and_writes_what_the_cache_sees) {
  const std::string bytes = pattern(1U << 20U);
  auto* aligned = static_cast<char*>(std::aligned_alloc(4096, bytes.size()));
  std::memcpy(aligned, bytes.data(), bytes.size());
  {
    const Fd fd(open(path("file").c_str(), O_CREAT | O_RDWR | O_DIRECT, 0644));
    ASSERT_GE(fd, 0);
    ASSERT_EQ(pwrite(fd, aligned, bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    std::memset(aligned, 0, bytes.size());
    ASSERT_EQ(pread(fd, aligned, bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    EXPECT_TRUE(bytes == std::string_view(aligned, bytes.size()));
    EXPECT_TRUE(read_file(path("file")) == bytes);
    std::memset(aligned, 'n', 4096);
    ASSERT_EQ(pwrite(fd, aligned, 4096, 8192), 4096);
    EXPECT_EQ(read_file(path("file")).substr(8192, 4096), std::string(4096, 'n'));
  }
  std::free(aligned);
}

TEST_P(MountTest, two_descriptors_append_after_each_other) {
  const Fd a(open(path("log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0644));
  const Fd b(open(path("log").c_str(), O_WRONLY | O_APPEND));
  const Fd reader(open(path("log").c_str(), O_RDONLY));
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    ASSERT_EQ(write(i % 2 == 0 ? a : b, line.data(), line.size()),
              static_cast<ssize_t>(line.size()));
    expected += line;
    EXPECT_EQ(read_file(path("log")), expected);
  }
}

TEST_P(MountTest, appends_land_at_the_end_that_another_door_has_moved) {
  const Fd log(open(path("log").c_str(), O_CREAT | O_RDWR | O_APPEND, 0644));
  ASSERT_EQ(write(log, "one\n", 4), 4);
  side_write(side_lookup("log").ino, 4, "two\n");
  ASSERT_EQ(write(log, "three\n", 6), 6);
  flush_invalidations();
  EXPECT_EQ(read_file(path("log")), "one\ntwo\nthree\n");
}

TEST_P(MountTest, a_shared_mapping_reads_and_writes_the_file) {
  write_file(path("file"), std::string(10000, 'a'));
  const Fd fd(open(path("file").c_str(), O_RDWR));
  auto* map = static_cast<char*>(mmap(nullptr, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  ASSERT_NE(map, MAP_FAILED);
  EXPECT_EQ(map[9999], 'a');
  std::memset(map + 5000, 'b', 100);
  ASSERT_EQ(msync(map, 10000, MS_SYNC), 0);
  munmap(map, 10000);
  // Straight from the core.
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  const Fd direct(open(path("file").c_str(), O_RDONLY | O_DIRECT));
  alignas(4096) static char page[12288];
  ASSERT_EQ(pread(direct, page, sizeof page, 0), 10000);
  EXPECT_EQ(std::string(page + 5000, 100), std::string(100, 'b'));
  EXPECT_EQ(page[5100], 'a');
}

TEST_P(MountTest, a_file_open_for_appending_can_be_mapped) {
  write_file(path("file"), "mapped");
  const Fd fd(open(path("file").c_str(), O_RDWR | O_APPEND));
  void* map = mmap(nullptr, 6, PROT_READ, MAP_PRIVATE, fd, 0);
  ASSERT_NE(map, MAP_FAILED);
  EXPECT_EQ(std::string(static_cast<char*>(map), 6), "mapped");
  munmap(map, 6);
}

TEST_P(MountTest, an_unlinked_file_lives_until_it_is_closed) {
  write_file(path("file"), "still here");
  const Fd fd(open(path("file").c_str(), O_RDWR));
  ASSERT_EQ(unlink(path("file").c_str()), 0);
  EXPECT_NE(access(path("file").c_str(), F_OK), 0);
  char bytes[16];
  EXPECT_EQ(pread(fd, bytes, sizeof bytes, 0), 10);
  EXPECT_EQ(pwrite(fd, "and grows", 9, 10), 9);
  struct stat st{};
  ASSERT_EQ(fstat(fd, &st), 0);
  EXPECT_EQ(st.st_nlink, 0U);
  EXPECT_EQ(st.st_size, 19);
}

TEST_P(MountTest, a_temporary_file_without_a_name_can_be_given_one) {
  const Fd fd(open(mount_.path().c_str(), O_TMPFILE | O_RDWR, 0600));
  if (fd < 0 && errno == EOPNOTSUPP) GTEST_SKIP() << "this libfuse has no tmpfile";
  ASSERT_GE(fd, 0);
  ASSERT_EQ(write(fd, "named later", 11), 11);
  const std::string proc = "/proc/self/fd/" + std::to_string(fd);
  ASSERT_EQ(linkat(AT_FDCWD, proc.c_str(), AT_FDCWD, path("named").c_str(), AT_SYMLINK_FOLLOW), 0);
  EXPECT_EQ(read_file(path("named")), "named later");
}

TEST_P(MountTest, copy_file_range_copies_in_the_core) {
  const std::string bytes = pattern(300000);
  write_file(path("from"), bytes);
  const Fd from(open(path("from").c_str(), O_RDONLY));
  const Fd to(open(path("to").c_str(), O_CREAT | O_RDWR, 0644));
  const auto requests = counted([&] {
    loff_t in = 0;
    loff_t out = 0;
    std::size_t left = bytes.size();
    while (left > 0) {
      const ssize_t copied = copy_file_range(from, &in, to, &out, left, 0);
      ASSERT_GT(copied, 0);
      left -= static_cast<std::size_t>(copied);
    }
  });
  EXPECT_THAT(requests, Contains(::testing::Key("copy_file_range")));
  EXPECT_THAT(requests, Not(Contains(::testing::Key("write"))));
  EXPECT_TRUE(read_file(path("to")) == bytes);
}

TEST_P(MountTest, holes_are_found) {
  const Fd fd(open(path("sparse").c_str(), O_CREAT | O_RDWR, 0644));
  const std::string page = pattern(65536);
  ASSERT_EQ(pwrite(fd, page.data(), page.size(), 1U << 20U), static_cast<ssize_t>(page.size()));
  EXPECT_EQ(lseek(fd, 0, SEEK_DATA), 1 << 20);
  EXPECT_EQ(lseek(fd, 1 << 20, SEEK_HOLE), (1 << 20) + 65536);
  ASSERT_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 20, 65536), 0);
  EXPECT_EQ(lseek(fd, 0, SEEK_DATA), -1);
  EXPECT_EQ(errno, ENXIO);
  ASSERT_EQ(fallocate(fd, 0, 0, 4 << 20), 0);
  struct stat st{};
  ASSERT_EQ(fstat(fd, &st), 0);
  EXPECT_EQ(st.st_size, 4 << 20);
}

TEST_P(MountTest, truncation_shows_in_every_descriptor) {
  write_file(path("file"), std::string(100000, 'x'));
  const Fd reader(open(path("file").c_str(), O_RDONLY));
  char bytes[16];
  ASSERT_EQ(pread(reader, bytes, 16, 50000), 16);
  ASSERT_EQ(truncate(path("file").c_str(), 10), 0);
  EXPECT_EQ(pread(reader, bytes, 16, 50000), 0);
  const Fd again(open(path("file").c_str(), O_WRONLY | O_TRUNC));
  EXPECT_EQ(pread(reader, bytes, 16, 0), 0);
}

TEST_P(MountTest, extended_attributes_are_kept_listed_and_removed) {
  write_file(path("file"), "");
  const std::string file = path("file");
  const std::string value = pattern(3000);
  ASSERT_EQ(setxattr(file.c_str(), "user.big", value.data(), value.size(), XATTR_CREATE), 0);
  ASSERT_EQ(setxattr(file.c_str(), "user.small", "1", 1, 0), 0);
  EXPECT_EQ(setxattr(file.c_str(), "user.big", "x", 1, XATTR_CREATE), -1);
  EXPECT_EQ(errno, EEXIST);
  std::string got(4000, '\0');
  EXPECT_EQ(getxattr(file.c_str(), "user.big", nullptr, 0), 3000);
  ASSERT_EQ(getxattr(file.c_str(), "user.big", got.data(), got.size()), 3000);
  EXPECT_EQ(got.substr(0, 3000), value);
  EXPECT_EQ(getxattr(file.c_str(), "user.big", got.data(), 10), -1);
  EXPECT_EQ(errno, ERANGE);
  const ssize_t listed = listxattr(file.c_str(), got.data(), got.size());
  EXPECT_EQ(listed, 20);
  ASSERT_EQ(removexattr(file.c_str(), "user.big"), 0);
  EXPECT_EQ(getxattr(file.c_str(), "user.big", nullptr, 0), -1);
  EXPECT_EQ(errno, ENODATA);
}

/// system.posix_acl_access: u::rw-, u:1234:rwx, g::r--, m::rwx, o::---
std::string acl_bytes() {
  std::string bytes("\x02\x00\x00\x00", 4);
  const auto entry = [&bytes](std::uint16_t tag, std::uint16_t permissions, std::uint32_t id) {
    bytes.append(reinterpret_cast<const char*>(&tag), 2);
    bytes.append(reinterpret_cast<const char*>(&permissions), 2);
    bytes.append(reinterpret_cast<const char*>(&id), 4);
  };
  entry(0x01, 6, UINT32_MAX);
  entry(0x02, 7, 1234);
  entry(0x04, 4, UINT32_MAX);
  entry(0x10, 7, UINT32_MAX);
  entry(0x20, 0, UINT32_MAX);
  return bytes;
}

TEST_P(MountTest, an_acl_is_kept_and_shows_in_the_mode) {
  write_file(path("file"), "");
  const std::string acl = acl_bytes();
  ASSERT_EQ(setxattr(path("file").c_str(), "system.posix_acl_access", acl.data(), acl.size(), 0),
            0);
  std::string got(100, '\0');
  ASSERT_EQ(getxattr(path("file").c_str(), "system.posix_acl_access", got.data(), got.size()),
            static_cast<ssize_t>(acl.size()));
  EXPECT_EQ(got.substr(0, acl.size()), acl);
  struct stat st{};
  ASSERT_EQ(stat(path("file").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0670U);
}

TEST_P(MountTest, statfs_names_the_filesystem_s_room) {
  struct statvfs st{};
  ASSERT_EQ(statvfs(mount_.path().c_str(), &st), 0);
  EXPECT_EQ(st.f_namemax, 255U);
  EXPECT_GT(st.f_bavail, 0U);
}

TEST_P(MountTest, the_time_of_birth_is_known) {
  write_file(path("file"), "");
  struct statx stx{};
  ASSERT_EQ(statx(AT_FDCWD, path("file").c_str(), 0, STATX_BTIME | STATX_BASIC_STATS, &stx), 0);
  if ((stx.stx_mask & STATX_BTIME) == 0) GTEST_SKIP() << "this libfuse has no statx";
  EXPECT_EQ(stx.stx_btime.tv_sec, stx.stx_mtime.tv_sec);
}

TEST_P(MountTest, fsync_of_a_file_and_of_a_directory_succeed) {
  write_file(path("file"), "x");
  const Fd fd(open(path("file").c_str(), O_WRONLY));
  EXPECT_EQ(fsync(fd), 0);
  EXPECT_EQ(fdatasync(fd), 0);
  const Fd dir(open(mount_.path().c_str(), O_RDONLY | O_DIRECTORY));
  EXPECT_EQ(fsync(dir), 0);
}

TEST_P(MountTest, a_write_by_someone_without_the_right_to_clears_setuid) {
  write_file(path("file"), "x");
  ASSERT_EQ(chmod(path("file").c_str(), 04777), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setresuid(1234, 1234, 1234) != 0) _exit(2);
    const int fd = open(path("file").c_str(), O_WRONLY);
    _exit(fd >= 0 && write(fd, "y", 1) == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  struct stat st{};
  ASSERT_EQ(stat(path("file").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777U, 0777U);
}

}  // namespace
}  // namespace cairn::fuse
