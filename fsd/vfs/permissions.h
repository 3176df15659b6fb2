#pragma once

#include "fsd/vfs/acl_store.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

/// Who may do what: Linux's rules for mode bits, ACLs, sticky directories and root. All of it
/// passes for callers whom the kernel has checked.
/// Lifetime: owned by Vfs.   Threads: core only.
/// Fails with: EACCES, EPERM, ENOENT (a removed directory), EIO (damaged ACL).
class Permissions {
 public:
  explicit Permissions(const AclStore& acls) : acls_(acls) {}

  /// `mask`: R_OK | W_OK | X_OK.
  Result<void> access(const Caller& caller, Ino ino, const InodeRecord& inode, int mask) const;
  /// EPERM for others than the owner and root.
  static Result<void> owner(const Caller& caller, const InodeRecord& inode);
  /// EPERM for others than root.
  static Result<void> root(const Caller& caller);
  /// May an entry be added to this directory?
  Result<void> add_entry(const Caller& caller, Ino ino, const InodeRecord& directory) const;
  /// May this entry be taken out of this directory?
  Result<void> remove_entry(const Caller& caller, Ino ino, const InodeRecord& directory,
                            const InodeRecord& victim) const;
  /// chown(2): root, or the owner who gives the file to a group of his.
  static Result<void> change_owner(const Caller& caller, const InodeRecord& inode,
                                   const AttributeChange& change);
  /// A set-group-ID bit in a mode that this caller gives to a file of group `gid` stays?
  [[nodiscard]] static bool keeps_setgid(const Caller& caller, std::uint32_t gid);
  [[nodiscard]] static bool in_group(const Caller& caller, std::uint32_t gid);

 private:
  const AclStore& acls_;
};

/// The mode after a write or truncate by somebody without special rights: no set-user-ID, and no
/// set-group-ID where it means privilege (with group execute).
[[nodiscard]] std::uint32_t without_privileges(std::uint32_t mode);

}  // namespace cairn::vfs
