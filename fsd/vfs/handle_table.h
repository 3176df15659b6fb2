#pragma once

#include <fcntl.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

/// One open(2) of a file or directory.
struct OpenFile {
  Ino ino;
  int flags = 0;             // as in open(2)
  std::uint64_t client = 0;  // who opened it
  bool directory = false;

  [[nodiscard]] bool readable() const { return (flags & O_ACCMODE) != O_WRONLY; }
  [[nodiscard]] bool writable() const { return (flags & O_ACCMODE) != O_RDONLY; }
};

/// Handles of open files and directories. Ids are never used twice.
/// Lifetime: owned by Vfs.   Threads: core only.   Fails with: EBADF.
class HandleTable {
 public:
  HandleId add(const OpenFile& file) {
    const HandleId id(next_++);
    files_.emplace(id, file);
    return id;
  }
  Result<OpenFile> get(HandleId id) const {
    auto found = files_.find(id);
    if (found == files_.end()) return errno_error(EBADF);
    return found->second;
  }
  void erase(HandleId id) { files_.erase(id); }
  [[nodiscard]] std::vector<HandleId> of_client(std::uint64_t client) const;
  [[nodiscard]] std::size_t size() const { return files_.size(); }

 private:
  std::unordered_map<HandleId, OpenFile> files_;
  std::uint64_t next_ = 1;
};

}  // namespace cairn::vfs
