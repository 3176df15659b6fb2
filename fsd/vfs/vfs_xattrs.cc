#include "fsd/vfs/vfs_parts.h"

#include <sys/xattr.h>

#include "fsd/vfs/xattr_rules.h"

namespace cairn::vfs {

Result<void> Vfs::Parts::set_acl(const Caller& caller, Inode& inode, std::string_view name,
                                 std::string_view value) {
  if (S_ISLNK(inode.record.mode)) return errno_error(EOPNOTSUPP);
  TRY(const Acl acl, value.empty() ? Result<Acl>(Acl({})) : Acl::decode(value));
  TRY_OK(Permissions::owner(caller, inode.record));
  InodeRecord next = inode.record;
  if (name == kAclDefault) {
    if (!S_ISDIR(next.mode)) return acl.empty() ? Result<void>() : errno_error(EACCES);
    TRY_OK(acls.set_default(inode.ino, next, acl));
  } else {
    TRY_OK(acls.set_access(inode.ino, next, acl));
    if (!acl.empty() && !Permissions::keeps_setgid(caller, next.gid)) {
      next.mode &= ~static_cast<std::uint32_t>(S_ISGID);
    }
  }
  next.ctime = now();
  inode.record = next;
  store(caller, inode);
  return {};
}

Result<void> Vfs::Parts::set_xattr(const Caller& caller, Ino ino, const std::string& name,
                                   std::string_view value, int flags) {
  TRY(const InodeRef inode, inodes.get(ino));
  TRY_OK(check_xattr(permissions, caller, ino, inode->record, name, XattrUse::kWrite));
  TRY(const auto old, xattrs.find(ino, inode->record, name));
  if (old && (flags & XATTR_CREATE) != 0) return errno_error(EEXIST);
  if (!old && (flags & XATTR_REPLACE) != 0) return errno_error(ENODATA);
  TRY_OK(xattrs.check_room(ino, name, value.size()));
  if (is_acl(name)) return set_acl(caller, *inode, name, value);
  xattrs.put(ino, inode->record, name, value);
  inode->record.ctime = now();
  store(caller, *inode);
  return {};
}

Result<std::string> Vfs::Parts::get_xattr(const Caller& caller, Ino ino, const std::string& name) {
  TRY(const InodeRef inode, inodes.get(ino));
  TRY_OK(check_xattr(permissions, caller, ino, inode->record, name, XattrUse::kRead));
  TRY(auto value, xattrs.find(ino, inode->record, name));
  if (!value) return errno_error(ENODATA);
  return std::move(*value);
}

Result<std::vector<std::string>> Vfs::Parts::list_xattr(const Caller& caller, Ino ino) {
  TRY(const InodeRef inode, inodes.get(ino));
  TRY(auto names, xattrs.list(ino, inode->record));
  if (caller.uid != 0) {
    std::erase_if(names, [](const std::string& name) { return name.starts_with("trusted."); });
  }
  return names;
}

Result<void> Vfs::Parts::remove_xattr(const Caller& caller, Ino ino, const std::string& name) {
  TRY(const InodeRef inode, inodes.get(ino));
  TRY_OK(check_xattr(permissions, caller, ino, inode->record, name, XattrUse::kWrite));
  if (is_acl(name)) return set_acl(caller, *inode, name, {});
  TRY(const bool erased, xattrs.erase(ino, inode->record, name));
  if (!erased) return errno_error(ENODATA);
  inode->record.ctime = now();
  store(caller, *inode);
  return {};
}

Task<Result<void>> Vfs::set_xattr(Caller caller, Ino ino, std::string name, std::string value,
                                  int flags) {
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0) co_return errno_error(EINVAL);
  if (name.empty() || name.size() > kXattrNameBytesMax) co_return errno_error(ERANGE);
  if (value.size() > kXattrValueBytesMax) co_return errno_error(E2BIG);
  CO_TRY_OK(co_await parts_->admit(caller, 0));
  co_return parts_->finish(parts_->set_xattr(caller, ino, name, value, flags));
}

Task<Result<std::string>> Vfs::get_xattr(Caller caller, Ino ino, std::string name) {
  if (name.empty() || name.size() > kXattrNameBytesMax) co_return errno_error(ERANGE);
  co_return parts_->get_xattr(caller, ino, name);
}

Task<Result<std::vector<std::string>>> Vfs::list_xattr(Caller caller, Ino ino) {
  co_return parts_->list_xattr(caller, ino);
}

Task<Result<void>> Vfs::remove_xattr(Caller caller, Ino ino, std::string name) {
  if (name.empty() || name.size() > kXattrNameBytesMax) co_return errno_error(ERANGE);
  CO_TRY_OK(co_await parts_->admit(caller, 0));
  co_return parts_->finish(parts_->remove_xattr(caller, ino, name));
}

}  // namespace cairn::vfs
