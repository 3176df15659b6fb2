#include "fsd/vfs/xattr_rules.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace cairn::vfs {

bool is_acl(std::string_view name) { return name == kAclAccess || name == kAclDefault; }

namespace {

Result<void> check_user(const Permissions& permissions, const Caller& caller, Ino ino,
                        const InodeRecord& inode, XattrUse use) {
  if (!S_ISREG(inode.mode) && !S_ISDIR(inode.mode)) {
    return errno_error(use == XattrUse::kWrite ? EPERM : ENODATA);
  }
  if (use == XattrUse::kRead) return permissions.access(caller, ino, inode, R_OK);
  // In a sticky directory, which many may write to, its own attributes are its owner's.
  if (S_ISDIR(inode.mode) && (inode.mode & S_ISVTX) != 0) {
    TRY_OK(Permissions::owner(caller, inode));
  }
  return permissions.access(caller, ino, inode, W_OK);
}

}  // namespace

Result<void> check_xattr(const Permissions& permissions, const Caller& caller, Ino ino,
                         const InodeRecord& inode, std::string_view name, XattrUse use) {
  if (is_acl(name)) return {};
  const bool user = name.starts_with("user.");
  const bool trusted = name.starts_with("trusted.");
  const bool security = name.starts_with("security.");
  if (!user && !trusted && !security) return errno_error(EOPNOTSUPP);
  if (name.back() == '.' && name.find('.') == name.size() - 1) return errno_error(EINVAL);
  if (user) return check_user(permissions, caller, ino, inode, use);
  if (use == XattrUse::kWrite) return Permissions::root(caller);
  if (trusted && !Permissions::root(caller)) return errno_error(ENODATA);
  return {};
}

}  // namespace cairn::vfs
