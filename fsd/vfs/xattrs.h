#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/engine/volume.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

inline constexpr std::string_view kAclAccess = "system.posix_acl_access";
inline constexpr std::string_view kAclDefault = "system.posix_acl_default";
inline constexpr std::string_view kCapability = "security.capability";

/// Extended attributes as records. Knows no rights and no namespaces' rules (XattrRules), but keeps
/// the inode's flags that say which kinds exist. The caller stores the inode record.
/// Lifetime: owned by Vfs.   Threads: core only.
class Xattrs {
 public:
  explicit Xattrs(engine::Volume& volume) : volume_(volume) {}

  Result<std::optional<std::string>> find(Ino ino, const InodeRecord& inode,
                                          std::string_view name) const;
  Result<std::vector<std::string>> list(Ino ino, const InodeRecord& inode) const;
  /// ENOSPC if a value of this size would be too much for one inode.
  Result<void> check_room(Ino ino, std::string_view name, std::size_t value_bytes) const;

  // In the caller's transaction.
  void put(Ino ino, InodeRecord& inode, std::string_view name, std::string_view value);
  /// False: there was none.
  Result<bool> erase(Ino ino, InodeRecord& inode, std::string_view name);
  Result<void> erase_all(Ino ino, InodeRecord& inode);

  static constexpr std::size_t kNamesBytesMax = 65536;     // what listxattr(2) can return
  static constexpr std::size_t kInodeBytesMax = 1U << 20;  // names and values

 private:
  engine::Volume& volume_;
};

}  // namespace cairn::vfs
