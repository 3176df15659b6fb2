#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>
#include <thread>

#include "tests/unit/fuse/mount_fixture.h"

#ifndef RENAME_EXCHANGE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif

namespace cairn::fuse {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};

std::multiset<std::string> list(const std::string& path) {
  std::multiset<std::string> names;
  const std::unique_ptr<DIR, CloseDir> dir(opendir(path.c_str()));
  while (const dirent* entry = readdir(dir.get())) names.insert(entry->d_name);
  return names;
}

TEST_P(MountTest, names_come_and_go) {
  ASSERT_EQ(mkdir(path("dir").c_str(), 0750), 0);
  write_file(path("dir/file"), "x");
  ASSERT_EQ(symlink("dir/file", path("soft").c_str()), 0);
  ASSERT_EQ(link(path("dir/file").c_str(), path("hard").c_str()), 0);
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(list(mount_.path()),
            (std::multiset<std::string>{".", "..", "dir", "soft", "hard", "fifo"}));
  EXPECT_EQ(read_file(path("soft")), "x");
  struct stat st{};
  ASSERT_EQ(stat(path("hard").c_str(), &st), 0);
  EXPECT_EQ(st.st_nlink, 2U);
  EXPECT_EQ(rmdir(path("dir").c_str()), -1);
  EXPECT_EQ(errno, ENOTEMPTY);
  ASSERT_EQ(unlink(path("dir/file").c_str()), 0);
  ASSERT_EQ(stat(path("hard").c_str(), &st), 0);
  EXPECT_EQ(st.st_nlink, 1U);
  ASSERT_EQ(rmdir(path("dir").c_str()), 0);
  EXPECT_EQ(open(path("dir/file").c_str(), O_RDONLY), -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST_P(MountTest, rename_knows_noreplace_and_exchange) {
  write_file(path("a"), "A");
  write_file(path("b"), "B");
  EXPECT_EQ(renameat2(AT_FDCWD, path("a").c_str(), AT_FDCWD, path("b").c_str(), RENAME_NOREPLACE),
            -1);
  EXPECT_EQ(errno, EEXIST);
  ASSERT_EQ(renameat2(AT_FDCWD, path("a").c_str(), AT_FDCWD, path("b").c_str(), RENAME_EXCHANGE),
            0);
  EXPECT_EQ(read_file(path("a")), "B");
  ASSERT_EQ(rename(path("a").c_str(), path("b").c_str()), 0);
  EXPECT_EQ(read_file(path("b")), "B");
  EXPECT_NE(access(path("a").c_str(), F_OK), 0);
}

TEST_P(MountTest, the_umask_applies_and_the_creator_owns) {
  const mode_t old = umask(027);
  ASSERT_EQ(mkdir(path("dir").c_str(), 0777), 0);
  write_file(path("file"), "");
  umask(old);
  struct stat st{};
  ASSERT_EQ(stat(path("dir").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777U, 0750U);
  EXPECT_EQ(st.st_uid, geteuid());
}

TEST_P(MountTest, a_listing_of_ten_thousand_sees_what_stays_exactly_once_while_half_is_deleted) {
  constexpr int kFiles = 10000;
  ASSERT_EQ(mkdir(path("many").c_str(), 0755), 0);
  for (int i = 0; i < kFiles; ++i) {
    const int fd = open(path("many/f" + std::to_string(i)).c_str(), O_CREAT | O_WRONLY, 0644);
    ASSERT_GE(fd, 0);
    close(fd);
  }
  std::map<std::string, int> seen;
  {
    const std::unique_ptr<DIR, CloseDir> dir(opendir(path("many").c_str()));
    int next = 1;
    while (const dirent* entry = readdir(dir.get())) {
      ++seen[entry->d_name];
      // Every second file goes away while the listing runs.
      if (next < kFiles) {
        ASSERT_EQ(unlink(path("many/f" + std::to_string(next)).c_str()), 0);
        next += 2;
      }
    }
  }
  for (int i = 0; i < kFiles; i += 2) EXPECT_EQ(seen["f" + std::to_string(i)], 1) << i;
  for (const auto& [name, times] : seen) EXPECT_LE(times, 1) << name;
  EXPECT_EQ(list(path("many")).size(), kFiles / 2 + 2U);
}

TEST_P(MountTest, a_directory_emptied_while_it_is_read_can_be_removed) {
  ASSERT_EQ(mkdir(path("many").c_str(), 0755), 0);
  for (int i = 0; i < 3000; ++i) write_file(path("many/f" + std::to_string(i)), "");
  const std::unique_ptr<DIR, CloseDir> dir(opendir(path("many").c_str()));
  while (const dirent* entry = readdir(dir.get())) {
    if (entry->d_name[0] != '.') {
      ASSERT_EQ(unlinkat(dirfd(dir.get()), entry->d_name, 0), 0);
    }
  }
  EXPECT_EQ(rmdir(path("many").c_str()), 0);
}

TEST_P(MountTest, many_clients_at_once_each_see_their_own_files) {
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const std::string file = path("t" + std::to_string(t) + "-" + std::to_string(i));
        const std::string bytes(static_cast<std::size_t>(t * 1000 + i), static_cast<char>('a' + t));
        const int fd = open(file.c_str(), O_CREAT | O_RDWR, 0644);
        std::string got(bytes.size(), '\0');
        const bool fine =
            fd >= 0 &&
            write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
            fsync(fd) == 0 &&
            pread(fd, got.data(), got.size(), 0) == static_cast<ssize_t>(got.size()) &&
            got == bytes && close(fd) == 0 && (i % 2 == 0 || unlink(file.c_str()) == 0);
        if (!fine) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
  EXPECT_EQ(list(mount_.path()).size(), 16 * 50 + 2U);
}

TEST_P(MountTest, a_file_handle_by_number_can_be_opened) {
  write_file(path("file"), "by number");
  alignas(file_handle) unsigned char room[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  auto* handle = reinterpret_cast<file_handle*>(room);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  ASSERT_EQ(name_to_handle_at(AT_FDCWD, path("file").c_str(), handle, &mount_id, 0), 0);
  const Fd root(open(mount_.path().c_str(), O_RDONLY | O_DIRECTORY));
  const Fd fd(open_by_handle_at(root, handle, O_RDONLY));
  if (fd < 0 && errno == EPERM) GTEST_SKIP() << "not root";
  ASSERT_GE(fd, 0);
  char bytes[16];
  EXPECT_EQ(read(fd, bytes, sizeof bytes), 9);
}

}  // namespace
}  // namespace cairn::fuse
