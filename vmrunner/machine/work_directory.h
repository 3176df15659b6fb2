#pragma once

#include <string>

#include "fsd/base/result.h"
#include "fsd/base/unique_fd.h"

namespace cairn::vm {

/// A runner's directory for its sockets and logs, which goes with it. It is locked (flock) for as
/// long as its runner lives, so that the next one takes away what those of the same user left that
/// were killed.
/// Threads: one; so many runners at once as there may be.
class WorkDirectory {
 public:
  /// Below `base`.   Fails with: what mkdtemp(3), open(2) and rename(2) fail with.
  static Result<WorkDirectory> make(const std::string& base);
  WorkDirectory(WorkDirectory&&) = default;
  WorkDirectory& operator=(WorkDirectory&&) = delete;
  ~WorkDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit WorkDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;
  UniqueFd lock_;  // empty: the directory is not this object's (any more)
};

}  // namespace cairn::vm
