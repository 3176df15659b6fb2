#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fsd/base/unique_fd.h"
#include "protocol/resume/frames.h"

namespace cairn::vm {

/// Which sessions this user's runners have at daemons, in a directory of his: a file for each,
/// which is locked (flock) for as long as its runner lives. So the next one ends the sessions of a
/// runner that was killed, and with them its locks, for which others would have to wait until the
/// daemon gives the session up.
///
/// A session's name is the secret that lets one into it: the directory is 0700, and if it cannot be
/// had like that, nothing is kept. What cannot be kept costs the wait, and is no failure.
/// Threads: any; so many runners at once as there may be.
class SessionRecords {
 public:
  /// One session's file. It stays when this goes, unless it was forgotten; then whoever finds it
  /// takes its runner for dead.
  class Entry {
   public:
    Entry(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
    /// The session has ended.
    void forget() const;

   private:
    std::string path_;
    UniqueFd lock_;
  };
  struct Left {
    resume::SessionId id{};
    Entry entry;
  };

  /// Empty: nothing is kept.
  explicit SessionRecords(std::string directory) : directory_(std::move(directory)) {}
  /// Of this user; empty if he has none.
  static std::string default_directory();

  /// `url` says at which daemon it is.
  [[nodiscard]] std::optional<Entry> keep(const std::string& url,
                                          const resume::SessionId& id) const;
  /// Of runners that are gone; nobody else finds these as long as their entries are here.
  [[nodiscard]] std::vector<Left> find_left(const std::string& url) const;

 private:
  [[nodiscard]] bool has_directory() const;
  const std::string directory_;
};

}  // namespace cairn::vm
