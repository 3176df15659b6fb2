#pragma once

#include <cstdint>
#include <string>

#include "fsd/base/task.h"
#include "fsd/vfs/vfs.h"

namespace cairn::testing {

/// The operations of ReferenceFs, done on a Vfs: the same arguments, and an errno (0: done). Paths
/// are looked up component by component on behalf of the caller, as a kernel does.
/// Lifetime: the Vfs outlives all Tasks.   Threads: core only.
class VfsPaths {
 public:
  using Caller = vfs::Caller;
  explicit VfsPaths(vfs::Vfs& fs) : fs_(fs) {}

  Task<int> make_directory(Caller who, std::string path, std::uint32_t mode);
  Task<int> create(Caller who, std::string path, std::uint32_t mode);
  Task<int> make_symlink(Caller who, std::string path, std::string target);
  Task<int> link(Caller who, std::string path, std::string new_path);
  Task<int> unlink(Caller who, std::string path);
  Task<int> remove_directory(Caller who, std::string path);
  Task<int> rename(Caller who, std::string path, std::string new_path, unsigned flags);
  Task<int> write(Caller who, std::string path, std::uint64_t offset, std::string bytes);
  Task<int> truncate(Caller who, std::string path, std::uint64_t size);
  Task<int> set_mode(Caller who, std::string path, std::uint32_t mode);
  Task<int> set_owner(Caller who, std::string path, std::uint32_t uid, std::uint32_t gid);
  Task<int> set_xattr(Caller who, std::string path, std::string name, std::string value, int flags);
  Task<int> remove_xattr(Caller who, std::string path, std::string name);

  /// The inode that a path leads to.
  Task<Result<Ino>> find(Caller who, std::string path);

 private:
  struct Place {
    Ino directory;
    std::string name;
  };
  Task<Result<Place>> place(Caller who, std::string path);
  Task<int> change(Caller who, std::string path, vfs::AttributeChange change);

  vfs::Vfs& fs_;
};

}  // namespace cairn::testing
