#include "fsd/vfs/acl_store.h"

#include <sys/stat.h>

#include "fsd/base/log.h"

namespace cairn::vfs {

Result<std::optional<Acl>> AclStore::find(Ino ino, const InodeRecord& inode,
                                          std::string_view name) const {
  if ((inode.flags & format::kInodeHasAcl) == 0) return std::optional<Acl>();
  TRY(auto bytes, xattrs_.find(ino, inode, name));
  if (!bytes) return std::optional<Acl>();
  auto acl = Acl::decode(*bytes);
  if (!acl || acl->empty()) {
    log::error("inode {}: a stored access control list is damaged", ino.value());
    return Error(format::FormatErrc::kDamaged, "an access control list is damaged");
  }
  return std::optional<Acl>(std::move(*acl));
}

Result<AclStore::Inherited> AclStore::inherit(Ino parent, const InodeRecord& inode,
                                              std::uint32_t mode, std::uint32_t umask) const {
  Inherited result{.mode = mode, .access = {}, .defaults = {}};
  if (S_ISLNK(mode)) return result;
  TRY(auto defaults, find(parent, inode, kAclDefault));
  if (!defaults) {
    result.mode &= ~(umask & 0777);
    return result;
  }
  Acl access = *defaults;
  access.mask_for_creation(result.mode);
  if (!access.minimal()) result.access = std::move(access);
  if (S_ISDIR(mode)) result.defaults = std::move(defaults);
  return result;
}

void AclStore::put(Ino ino, InodeRecord& inode, const Inherited& inherited) {
  if (inherited.access) xattrs_.put(ino, inode, kAclAccess, inherited.access->encode());
  if (inherited.defaults) xattrs_.put(ino, inode, kAclDefault, inherited.defaults->encode());
}

Result<void> AclStore::set_access(Ino ino, InodeRecord& inode, const Acl& acl) {
  if (acl.empty() || acl.minimal()) {
    TRY_OK(xattrs_.erase(ino, inode, kAclAccess));
  } else {
    xattrs_.put(ino, inode, kAclAccess, acl.encode());
  }
  if (!acl.empty()) inode.mode = (inode.mode & ~0777U) | acl.mode_bits();
  return {};
}

Result<void> AclStore::set_default(Ino ino, InodeRecord& inode, const Acl& acl) {
  if (acl.empty()) {
    TRY_OK(xattrs_.erase(ino, inode, kAclDefault));
  } else {
    xattrs_.put(ino, inode, kAclDefault, acl.encode());
  }
  return {};
}

Result<void> AclStore::change_mode(Ino ino, InodeRecord& inode, std::uint32_t permissions) {
  TRY(auto acl, find(ino, inode, kAclAccess));
  inode.mode = (inode.mode & S_IFMT) | (permissions & 07777);
  if (!acl) return {};
  acl->set_mode(permissions);
  xattrs_.put(ino, inode, kAclAccess, acl->encode());
  return {};
}

}  // namespace cairn::vfs
