#pragma once

#include <fcntl.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/vfs/read_stream.h"
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
    entries_.emplace(id, Entry{file, {}});
    return id;
  }
  Result<OpenFile> get(HandleId id) const {
    auto found = entries_.find(id);
    if (found == entries_.end()) return errno_error(EBADF);
    return found->second.file;
  }
  /// The read-ahead of a handle that exists.
  ReadStream& reads(HandleId id) { return entries_.at(id).reads; }
  void erase(HandleId id) { entries_.erase(id); }
  [[nodiscard]] std::vector<HandleId> of_client(std::uint64_t client) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    OpenFile file;
    ReadStream reads;
  };
  std::unordered_map<HandleId, Entry> entries_;
  std::uint64_t next_ = 1;
};

}  // namespace cairn::vfs
