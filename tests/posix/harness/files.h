#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <ctime>
#include <set>
#include <string>
#include <vector>

namespace cairn::posix {

/// A descriptor that is closed in the end. Converts to int, so that calls read as usual.
class Fd {
 public:
  Fd() = default;
  Fd(int fd) : fd_(fd) {}  // NOLINT: Fd f = ::open(...)
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  operator int() const { return fd_; }  // NOLINT
  int release();
  void reset();

 private:
  int fd_ = -1;
};

// All paths are relative to the case's directory. Each records a failure if it does not work.
void make_file(const std::string& path, const std::string& bytes = "", mode_t mode = 0644);
void make_dir(const std::string& path, mode_t mode = 0755);
void make_symlink(const std::string& target, const std::string& path);
void make_fifo(const std::string& path);
/// A bound Unix socket of that name.
void make_socket(const std::string& path);
/// Open for reading and writing.
Fd open_rw(const std::string& path);
/// A new file, open for reading and writing.
Fd new_file(const std::string& path, const std::string& bytes = "", mode_t mode = 0644);

std::string slurp(const std::string& path);
/// `length` bytes at `offset`, fewer at the end.
std::string read_at(int fd, off_t offset, std::size_t length);
/// Bytes that differ from place to place.
std::string pattern(std::size_t length, unsigned seed = 1);

/// lstat.
struct stat stat_of(const std::string& path);
struct stat stat_of_fd(int fd);
bool exists(const std::string& path);
mode_t permissions_of(const std::string& path);

/// Names in a directory, without "." and "..".
std::multiset<std::string> names_in(const std::string& path);

/// Sets atime and mtime to the year 2001, without following symlinks.
void set_old_times(const std::string& path);
/// Waits until the filesystem gives out a time that is later than the ctime of `path`, so that the
/// next change must show. Changes a file of its own, "../clock", and sleeps nowhere.
void pass_time_after(const std::string& path);
bool earlier(const timespec& one, const timespec& other);
bool same_time(const timespec& one, const timespec& other);

}  // namespace cairn::posix
