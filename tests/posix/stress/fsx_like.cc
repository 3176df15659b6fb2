// Random operations on one file against a shadow in memory.
//
// The shadow is the file's bytes as they must be. An operation draws a range, does it to the file
// and to the shadow; reads (by pread or through a map) compare. Written bytes are made from the
// number of the operation, so that stale bytes are seen as such. Operations that a filesystem does
// not offer (EOPNOTSUPP) are left out from then on. After each operation the size is compared, and
// after every kCompareAllEvery and at the end all bytes.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/posix/stress/options.h"

namespace cairn::stress {
namespace {

constexpr std::size_t kLogged = 40;
constexpr std::uint64_t kCompareAllEvery = 500;

/// Thrown when the file is not what it must be, or an operation fails that may not.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Fsx {
 public:
  Fsx(std::string path, std::uint64_t seed, std::uint64_t size_max)
      : path_(std::move(path)), dice_(seed), size_max_(size_max) {
    fd_ = ::open(path_.c_str(), O_CREAT | O_TRUNC | O_RDWR, 0644);
    if (fd_ < 0) fail("open");
  }
  Fsx(const Fsx&) = delete;
  Fsx& operator=(const Fsx&) = delete;
  ~Fsx() { ::close(fd_); }

  void run(std::uint64_t operations);
  void print_log() const {
    for (const auto& line : log_) std::fprintf(stderr, "  %s\n", line.c_str());
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Range {
    std::uint64_t offset;
    std::uint64_t length;
  };
  struct Action {
    const char* name;
    unsigned weight;
    void (Fsx::*act)();
    bool left_out = false;
  };

  void read();
  void write();
  void append();
  void read_map();
  void write_map();
  void truncate();
  void punch();
  void zero();
  void allocate();
  void copy();
  void reopen();
  void sync();

  Action& draw();
  Range anywhere();
  Range inside();
  std::string fresh(std::uint64_t length);
  void put(std::uint64_t offset, const std::string& bytes);
  void compare(std::uint64_t offset, const char* bytes, std::uint64_t length, const char* how);
  void compare_all();
  void compare_size();
  void note(const char* name, Range range);
  [[noreturn]] void fail(const std::string& what);
  void* map_shared(std::uint64_t length, int protection, std::uint64_t start) const;
  /// False, and the action is left out from now on, if the filesystem does not offer it.
  bool offered(long result, const char* name);

  std::string path_;
  Dice dice_;
  std::uint64_t size_max_;
  int fd_ = -1;
  std::string shadow_;
  std::uint64_t number_ = 0;
  std::deque<std::string> log_;
  std::vector<Action> actions_ = {
      {"read", 20, &Fsx::read},         {"write", 20, &Fsx::write},
      {"append", 5, &Fsx::append},      {"mapread", 8, &Fsx::read_map},
      {"mapwrite", 8, &Fsx::write_map}, {"truncate", 6, &Fsx::truncate},
      {"punch", 6, &Fsx::punch},        {"zero", 5, &Fsx::zero},
      {"allocate", 4, &Fsx::allocate},  {"copy", 8, &Fsx::copy},
      {"reopen", 3, &Fsx::reopen},      {"sync", 2, &Fsx::sync},
  };
};

void Fsx::fail(const std::string& what) {
  throw Mismatch(what + " (errno " + std::to_string(errno) + ", operation " +
                 std::to_string(number_) + ")");
}

void Fsx::note(const char* name, Range range) {
  log_.push_back(std::to_string(number_) + " " + name + " " + std::to_string(range.offset) + " +" +
                 std::to_string(range.length) + " of " + std::to_string(shadow_.size()));
  if (log_.size() > kLogged) log_.pop_front();
}

// Half of the ranges are aligned to pages at one end or both: that is where the seams are.
Fsx::Range Fsx::anywhere() {
  std::uint64_t offset = dice_.below(size_max_ - 1);
  std::uint64_t length = 1 + dice_.below(dice_.one_in(4) ? 200'000 : 9'000);
  if (dice_.one_in(2)) offset &= ~std::uint64_t{4095};
  if (dice_.one_in(4)) length = (length + 4095) & ~std::uint64_t{4095};
  length = std::min(length, size_max_ - offset);
  return {offset, length};
}

Fsx::Range Fsx::inside() {
  Range range = anywhere();
  if (shadow_.empty()) return {0, 0};
  range.offset %= shadow_.size();
  range.length = std::min<std::uint64_t>(range.length, shadow_.size() - range.offset);
  return range;
}

std::string Fsx::fresh(std::uint64_t length) {
  std::string bytes(length, '\0');
  for (std::uint64_t i = 0; i < length; ++i) {
    bytes[i] = static_cast<char>((number_ * 31 + i * 7 + i / 251) | 1U);
  }
  return bytes;
}

void Fsx::put(std::uint64_t offset, const std::string& bytes) {
  if (shadow_.size() < offset + bytes.size()) shadow_.resize(offset + bytes.size(), '\0');
  shadow_.replace(offset, bytes.size(), bytes);
}

void Fsx::compare(std::uint64_t offset, const char* bytes, std::uint64_t length, const char* how) {
  if (std::memcmp(shadow_.data() + offset, bytes, length) == 0) return;
  std::uint64_t at = 0;
  while (shadow_[offset + at] == bytes[at]) ++at;
  char text[160];
  std::snprintf(text, sizeof text, "%s: byte %llu is %02x, must be %02x", how,
                static_cast<unsigned long long>(offset + at),
                static_cast<unsigned>(static_cast<unsigned char>(bytes[at])),
                static_cast<unsigned>(static_cast<unsigned char>(shadow_[offset + at])));
  fail(text);
}

void Fsx::compare_size() {
  struct stat answer{};
  if (::fstat(fd_, &answer) != 0) fail("fstat");
  if (static_cast<std::uint64_t>(answer.st_size) != shadow_.size()) {
    fail("the size is " + std::to_string(answer.st_size) + ", must be " +
         std::to_string(shadow_.size()));
  }
}

void Fsx::compare_all() {
  std::string bytes(shadow_.size(), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n =
        ::pread(fd_, bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
    if (n <= 0) fail("short read of all");
    have += static_cast<std::size_t>(n);
  }
  compare(0, bytes.data(), bytes.size(), "all bytes");
}

void* Fsx::map_shared(std::uint64_t length, int protection, std::uint64_t start) const {
  void* at = ::mmap(nullptr, length, protection, MAP_SHARED, fd_, static_cast<off_t>(start));
  if (at == MAP_FAILED && errno == EINVAL) errno = ENODEV;  // as Linux's 9P says it, uncached
  return at;
}

bool Fsx::offered(long result, const char* name) {
  if (result >= 0) return true;
  if (errno != EOPNOTSUPP && errno != ENOSYS && errno != ENODEV) fail(name);
  for (auto& action : actions_) {
    if (std::strcmp(action.name, name) == 0) action.left_out = true;
  }
  std::printf("left out, not offered here: %s\n", name);
  return false;
}

void Fsx::read() {
  const Range range = inside();
  note("read", range);
  std::string bytes(range.length, '\0');
  const ssize_t n = ::pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(range.offset));
  if (n != static_cast<ssize_t>(range.length)) fail("short read");
  compare(range.offset, bytes.data(), range.length, "read");
}

void Fsx::write() {
  const Range range = anywhere();
  note("write", range);
  const std::string bytes = fresh(range.length);
  const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(range.offset));
  if (n != static_cast<ssize_t>(range.length)) fail("short write");
  put(range.offset, bytes);
}

void Fsx::append() {
  const std::uint64_t room = size_max_ - std::min(size_max_, std::uint64_t{shadow_.size()});
  const Range range{shadow_.size(), std::min(room, 1 + dice_.below(5'000))};
  note("append", range);
  const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND);
  const std::string bytes = fresh(range.length);
  const ssize_t n = ::write(fd, bytes.data(), bytes.size());
  ::close(fd);
  if (n != static_cast<ssize_t>(range.length)) fail("short append");
  put(range.offset, bytes);
}

void Fsx::read_map() {
  const Range range = inside();
  note("mapread", range);
  if (range.length == 0) return;
  const std::uint64_t start = range.offset & ~std::uint64_t{4095};
  const std::uint64_t length = range.offset + range.length - start;
  void* at = map_shared(length, PROT_READ, start);
  if (!offered(at == MAP_FAILED ? -1 : 0, "mapread")) return;
  const std::string bytes(static_cast<char*>(at) + (range.offset - start), range.length);
  ::munmap(at, length);
  compare(range.offset, bytes.data(), range.length, "map");
}

void Fsx::write_map() {
  const Range range = inside();
  note("mapwrite", range);
  if (range.length == 0) return;
  const std::uint64_t start = range.offset & ~std::uint64_t{4095};
  const std::uint64_t length = range.offset + range.length - start;
  void* at = map_shared(length, PROT_READ | PROT_WRITE, start);
  if (!offered(at == MAP_FAILED ? -1 : 0, "mapwrite")) return;
  const std::string bytes = fresh(range.length);
  bytes.copy(static_cast<char*>(at) + (range.offset - start), bytes.size());
  if (dice_.one_in(2) && ::msync(at, length, MS_SYNC) != 0) fail("msync");
  ::munmap(at, length);
  put(range.offset, bytes);
}

void Fsx::truncate() {
  const Range range = anywhere();
  note("truncate", range);
  if (::ftruncate(fd_, static_cast<off_t>(range.offset)) != 0) fail("ftruncate");
  shadow_.resize(range.offset, '\0');
}

void Fsx::punch() {
  const Range range = anywhere();
  note("punch", range);
  if (!offered(::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                           static_cast<off_t>(range.offset), static_cast<off_t>(range.length)),
               "punch")) {
    return;
  }
  for (auto at = range.offset; at < range.offset + range.length && at < shadow_.size(); ++at) {
    shadow_[at] = '\0';
  }
}

void Fsx::zero() {
  const Range range = anywhere();
  const bool keep = dice_.one_in(2);
  note(keep ? "zero, keeping the size" : "zero", range);
  if (!offered(::fallocate(fd_, FALLOC_FL_ZERO_RANGE | (keep ? FALLOC_FL_KEEP_SIZE : 0),
                           static_cast<off_t>(range.offset), static_cast<off_t>(range.length)),
               "zero")) {
    return;
  }
  std::uint64_t length = range.length;
  if (keep)
    length = range.offset >= shadow_.size()
                 ? 0
                 : std::min<std::uint64_t>(length, shadow_.size() - range.offset);
  if (length > 0) put(range.offset, std::string(length, '\0'));
}

void Fsx::allocate() {
  const Range range = anywhere();
  note("allocate", range);
  if (!offered(
          ::fallocate(fd_, 0, static_cast<off_t>(range.offset), static_cast<off_t>(range.length)),
          "allocate")) {
    return;
  }
  if (shadow_.size() < range.offset + range.length) {
    shadow_.resize(range.offset + range.length, '\0');
  }
}

void Fsx::copy() {
  const Range from = inside();
  std::uint64_t target = anywhere().offset;
  note("copy from", from);
  if (from.length == 0 || target + from.length > size_max_) return;
  if (target < from.offset + from.length && from.offset < target + from.length) {
    target = from.offset + from.length;  // ranges that overlap are an error
    if (target + from.length > size_max_) return;
  }
  note("copy to", {target, from.length});
  const std::string bytes = shadow_.substr(from.offset, from.length);
  auto in = static_cast<off_t>(from.offset);
  auto out = static_cast<off_t>(target);
  for (std::uint64_t left = from.length; left > 0;) {
    const ssize_t n = ::copy_file_range(fd_, &in, fd_, &out, left, 0);
    if (!offered(n, "copy")) return;
    if (n == 0) fail("copy_file_range ends early");
    left -= static_cast<std::uint64_t>(n);
  }
  put(target, bytes);
}

void Fsx::reopen() {
  note("reopen", {0, 0});
  if (::close(fd_) != 0) fail("close");
  fd_ = ::open(path_.c_str(), O_RDWR);
  if (fd_ < 0) fail("open");
}

void Fsx::sync() {
  note("sync", {0, 0});
  if ((dice_.one_in(2) ? ::fsync(fd_) : ::fdatasync(fd_)) != 0) fail("fsync");
}

Fsx::Action& Fsx::draw() {
  unsigned total = 0;
  for (const auto& action : actions_) total += action.left_out ? 0 : action.weight;
  auto ticket = static_cast<unsigned>(dice_.below(total));
  for (auto& action : actions_) {
    if (action.left_out) continue;
    if (ticket < action.weight) return action;
    ticket -= action.weight;
  }
  return actions_.front();
}

void Fsx::run(std::uint64_t operations) {
  for (number_ = 1; number_ <= operations; ++number_) {
    (this->*draw().act)();
    compare_size();
    if (number_ % kCompareAllEvery == 0) compare_all();
  }
  compare_all();
}

}  // namespace
}  // namespace cairn::stress

int main(int argc, char** argv) {
  using namespace cairn::stress;
  Options options{"", {{"seed", 1}, {"ops", 10'000}, {"size", 1 << 20}}};
  if (!parse(argc, argv, options)) return 2;
  const auto seed = options.numbers["seed"];
  std::printf("fsx_like %s --seed %llu --ops %llu --size %llu\n", options.directory.c_str(),
              static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(options.numbers["ops"]),
              static_cast<unsigned long long>(options.numbers["size"]));
  if (options.numbers["size"] < 8192) options.numbers["size"] = 8192;
  Fsx fsx(options.directory + "/fsx-" + std::to_string(::getpid()), seed, options.numbers["size"]);
  try {
    fsx.run(options.numbers["ops"]);
  } catch (const Mismatch& mismatch) {
    fsx.print_log();
    std::fprintf(stderr, "MISMATCH: %s\nseed %llu; the file is kept: %s\n", mismatch.what(),
                 static_cast<unsigned long long>(seed), fsx.path().c_str());
    return 1;
  }
  ::unlink(fsx.path().c_str());
  std::printf("no mismatch\n");
  return 0;
}
