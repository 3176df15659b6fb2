#include "vmrunner/link/session_records.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "fsd/base/hex.h"

namespace cairn::vm {
namespace {

namespace fs = std::filesystem;

// A file is made and locked under the one name and gets the other one when it is complete, so that
// nobody takes it for a dead runner's meanwhile.
constexpr std::string_view kUnfinished = "new-";
constexpr std::string_view kComplete = "session-";
constexpr std::size_t kFileBytesMax = 4096;
/// Of daemons that never came back.
constexpr std::size_t kLeftMax = 32;
constexpr int kTries = 8;

struct Found {
  fs::path path;
  fs::file_time_type written;
  UniqueFd lock;
  std::string url;
  resume::SessionId id{};
};

UniqueFd lock_if_free(const fs::path& path) {
  UniqueFd file(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file && flock(file.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return file;
}

bool write_all(int fd, const std::string& text) {
  return write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool parse(const std::string& text, Found& found) {
  const std::size_t line = text.find('\n');
  const std::string_view hex = line == text.npos ? "" : std::string_view(text).substr(line + 1);
  if (hex.size() != 2 * found.id.size() + 1 || hex.back() != '\n') return false;
  for (std::size_t i = 0; i < found.id.size(); ++i) {
    const char* const at = hex.data() + 2 * i;
    const auto [end, failed] = std::from_chars(at, at + 2, found.id[i], 16);
    if (failed != std::errc() || end != at + 2) return false;
  }
  found.url = text.substr(0, line);
  return true;
}

bool read(Found& found) {
  std::array<char, kFileBytesMax> bytes{};
  const ssize_t size = pread(found.lock.get(), bytes.data(), bytes.size(), 0);
  return size > 0 && parse(std::string(bytes.data(), static_cast<std::size_t>(size)), found);
}

}  // namespace

void SessionRecords::Entry::forget() const { unlink(path_.c_str()); }

std::string SessionRecords::default_directory() {
  const char* const state = getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::string(state) + "/cairn/sessions";
  const char* const home = getenv("HOME");
  if (home != nullptr && *home == '/') return std::string(home) + "/.local/state/cairn/sessions";
  return {};
}

bool SessionRecords::has_directory() const {
  if (directory_.empty()) return false;
  std::error_code ignored;
  fs::create_directories(fs::path(directory_).parent_path(), ignored);
  mkdir(directory_.c_str(), 0700);
  struct stat found{};
  return lstat(directory_.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
         found.st_uid == geteuid() && (found.st_mode & 0077) == 0;
}

/// Somebody who looks for dead ones may come between, and take the unfinished one away: then
/// another is made.
std::optional<SessionRecords::Entry> SessionRecords::keep(const std::string& url,
                                                          const resume::SessionId& id) const {
  const std::string text = url + "\n" + to_hex(id) + "\n";
  if (!has_directory() || text.size() > kFileBytesMax) return std::nullopt;
  for (int i = 0; i < kTries; ++i) {
    std::string made = directory_ + "/" + std::string(kUnfinished) + "XXXXXX";
    UniqueFd file(mkostemp(made.data(), O_CLOEXEC));
    if (!file) return std::nullopt;
    const std::string unique = made.substr(made.size() - 6);
    std::string path = directory_ + "/" + std::string(kComplete) + unique;
    if (flock(file.get(), LOCK_EX | LOCK_NB) == 0 && write_all(file.get(), text) &&
        link(made.c_str(), path.c_str()) == 0) {
      unlink(made.c_str());
      return Entry(std::move(path), std::move(file));
    }
    unlink(made.c_str());
  }
  return std::nullopt;
}

std::vector<SessionRecords::Left> SessionRecords::find_left(const std::string& url) const {
  std::vector<Found> all;
  std::error_code failed;
  if (!has_directory()) return {};
  for (const auto& file : fs::directory_iterator(directory_, failed)) {
    const std::string name = file.path().filename();
    if (!name.starts_with(kComplete) && !name.starts_with(kUnfinished)) continue;
    Found found{.path = file.path(), .written = {}, .lock = lock_if_free(file.path()), .url = {}};
    if (!found.lock) continue;
    found.written = fs::last_write_time(file.path(), failed);
    if (name.starts_with(kComplete) && read(found)) {
      all.push_back(std::move(found));
    } else {
      unlink(file.path().c_str());
    }
  }
  std::ranges::sort(all, std::ranges::greater(), &Found::written);
  std::vector<Left> left;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Entry entry(all[i].path, std::move(all[i].lock));
    if (i >= kLeftMax) {
      entry.forget();
    } else if (all[i].url == url) {
      left.push_back({.id = all[i].id, .entry = std::move(entry)});
    }
  }
  return left;
}

}  // namespace cairn::vm
