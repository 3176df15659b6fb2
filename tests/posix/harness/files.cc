#include "tests/posix/harness/files.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "tests/posix/harness/expect.h"
#include "tests/posix/harness/scratch.h"

namespace cairn::posix {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

void Fd::reset() {
  if (fd_ >= 0) ::close(release());
}

Fd new_file(const std::string& path, const std::string& bytes, mode_t mode) {
  Fd fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
  EXPECT_GE(fd, 0) << "creating " << path << ": " << errno_name(errno);
  EXPECT_EQ(::pwrite(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  EXPECT_WORKS(::fchmod(fd, mode));
  return fd;
}

void make_file(const std::string& path, const std::string& bytes, mode_t mode) {
  new_file(path, bytes, mode);
}

void make_dir(const std::string& path, mode_t mode) {
  EXPECT_WORKS(::mkdir(path.c_str(), 0700)) << path;
  EXPECT_WORKS(::chmod(path.c_str(), mode)) << path;
}

void make_symlink(const std::string& target, const std::string& path) {
  EXPECT_WORKS(::symlink(target.c_str(), path.c_str())) << path;
}

void make_fifo(const std::string& path) { EXPECT_WORKS(::mkfifo(path.c_str(), 0644)) << path; }

void make_socket(const std::string& path) {
  Fd fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  EXPECT_WORKS(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address)) << path;
}

Fd open_rw(const std::string& path) {
  Fd fd = ::open(path.c_str(), O_RDWR);
  EXPECT_GE(fd, 0) << "opening " << path << ": " << errno_name(errno);
  return fd;
}

std::string read_at(int fd, off_t offset, std::size_t length) {
  const auto last = std::numeric_limits<off_t>::max() - offset;
  length = std::min(length, static_cast<std::size_t>(last));  // the kernel refuses a wrap
  std::string bytes(length, '\0');
  std::size_t have = 0;
  while (have < length) {
    const ssize_t n =
        ::pread(fd, bytes.data() + have, length - have, offset + static_cast<off_t>(have));
    EXPECT_GE(n, 0) << errno_name(errno);
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

std::string slurp(const std::string& path) {
  const Fd fd = ::open(path.c_str(), O_RDONLY);
  EXPECT_GE(fd, 0) << "opening " << path << ": " << errno_name(errno);
  return read_at(fd, 0, static_cast<std::size_t>(stat_of_fd(fd).st_size));
}

std::string pattern(std::size_t length, unsigned seed) {
  std::string bytes(length, '\0');
  std::uint32_t state = seed * 2654435761U + 1;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>((state >> 24U) | 1U);  // never zero: a hole would show
  }
  return bytes;
}

struct stat stat_of(const std::string& path) {
  struct stat answer{};
  EXPECT_WORKS(::lstat(path.c_str(), &answer)) << path;
  return answer;
}

struct stat stat_of_fd(int fd) {
  struct stat answer{};
  EXPECT_WORKS(::fstat(fd, &answer));
  return answer;
}

bool exists(const std::string& path) {
  struct stat answer{};
  return ::lstat(path.c_str(), &answer) == 0;
}

mode_t permissions_of(const std::string& path) { return stat_of(path).st_mode & 07777U; }

std::multiset<std::string> names_in(const std::string& path) {
  std::multiset<std::string> names;
  DIR* dir = ::opendir(path.c_str());
  EXPECT_NE(dir, nullptr) << path << ": " << errno_name(errno);
  if (dir == nullptr) return names;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.insert(name);
  }
  ::closedir(dir);
  return names;
}

void set_old_times(const std::string& path) {
  const timespec old{.tv_sec = 978307200, .tv_nsec = 0};
  const timespec times[2] = {old, old};
  EXPECT_WORKS(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW)) << path;
}

bool earlier(const timespec& one, const timespec& other) {
  return one.tv_sec != other.tv_sec ? one.tv_sec < other.tv_sec : one.tv_nsec < other.tv_nsec;
}

bool same_time(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

void pass_time_after(const std::string& path) {
  const timespec then = stat_of(path).st_ctim;
  const Fd clock = ::open((Scratch::base() + "/clock").c_str(), O_CREAT | O_RDWR, 0600);
  for (;;) {  // the fixture's limit of time ends a filesystem whose clock stands still
    EXPECT_WORKS(::futimens(clock, nullptr));
    if (earlier(then, stat_of_fd(clock).st_ctim)) return;
  }
}

}  // namespace cairn::posix
