#pragma once

#include <optional>
#include <string_view>

#include "fsd/vfs/acl.h"
#include "fsd/vfs/types.h"
#include "fsd/vfs/xattrs.h"

namespace cairn::vfs {

/// The ACLs of inodes, kept as the attributes that Linux shows. An access ACL that says no more
/// than the mode is kept as the mode alone; a stored one and the mode agree always.
/// Lifetime: owned by Vfs.   Threads: core only.   Fails with: EIO (a stored ACL is damaged).
class AclStore {
 public:
  explicit AclStore(Xattrs& xattrs) : xattrs_(xattrs) {}

  /// `name`: kAclAccess or kAclDefault.
  Result<std::optional<Acl>> find(Ino ino, const InodeRecord& inode, std::string_view name) const;

  /// What a node made in `parent` gets. Only reads.
  struct Inherited {
    std::uint32_t mode = 0;
    std::optional<Acl> access;
    std::optional<Acl> defaults;
  };
  Result<Inherited> inherit(Ino parent, const InodeRecord& inode, std::uint32_t mode,
                            std::uint32_t umask) const;

  // In the caller's transaction; the caller stores the record.
  void put(Ino ino, InodeRecord& inode, const Inherited& inherited);
  /// Sets an access ACL, and the mode with it; an empty one is removed.
  Result<void> set_access(Ino ino, InodeRecord& inode, const Acl& acl);
  Result<void> set_default(Ino ino, InodeRecord& inode, const Acl& acl);
  /// chmod: sets the mode's permission bits, and the access ACL with them.
  Result<void> change_mode(Ino ino, InodeRecord& inode, std::uint32_t permissions);

 private:
  Xattrs& xattrs_;
};

}  // namespace cairn::vfs
