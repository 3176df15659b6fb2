#include "fsd/vfs/permissions.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace cairn::vfs {

bool Permissions::in_group(const Caller& caller, std::uint32_t gid) {
  return caller.gid == gid ||
         std::find(caller.groups.begin(), caller.groups.end(), gid) != caller.groups.end();
}

Result<void> Permissions::access(const Caller& caller, Ino ino, const InodeRecord& inode,
                                 int mask) const {
  if (caller.checked_by_kernel || mask == F_OK) return {};
  const auto wanted = static_cast<std::uint32_t>(mask & 7);
  if (caller.uid == 0) {
    // Root reads and writes everything; it executes what somebody may execute.
    const bool executes = (wanted & X_OK) == 0 || S_ISDIR(inode.mode) || (inode.mode & 0111) != 0;
    return executes ? Result<void>() : errno_error(EACCES);
  }
  auto answer = [wanted](std::uint32_t granted) -> Result<void> {
    return (granted & wanted) == wanted ? Result<void>() : errno_error(EACCES);
  };
  if (caller.uid == inode.uid) return answer(inode.mode >> 6);
  // The group bits are the mask of an ACL: with none of them set no named entry grants anything.
  if ((inode.flags & format::kInodeHasAcl) != 0 && (inode.mode & S_IRWXG) != 0) {
    TRY(auto acl, acls_.find(ino, inode, kAclAccess));
    if (acl) {
      const Acl::Subject subject{caller.uid,
                                 [&caller](std::uint32_t gid) { return in_group(caller, gid); }};
      const bool granted = acl->allows(subject, inode.uid, inode.gid, wanted);
      return granted ? Result<void>() : errno_error(EACCES);
    }
  }
  return answer(in_group(caller, inode.gid) ? inode.mode >> 3 : inode.mode);
}

Result<void> Permissions::owner(const Caller& caller, const InodeRecord& inode) {
  if (caller.checked_by_kernel || caller.uid == 0 || caller.uid == inode.uid) return {};
  return errno_error(EPERM);
}

Result<void> Permissions::root(const Caller& caller) {
  if (caller.checked_by_kernel || caller.uid == 0) return {};
  return errno_error(EPERM);
}

Result<void> Permissions::add_entry(const Caller& caller, Ino ino,
                                    const InodeRecord& directory) const {
  if (directory.nlink == 0) return errno_error(ENOENT);
  return access(caller, ino, directory, W_OK | X_OK);
}

Result<void> Permissions::remove_entry(const Caller& caller, Ino ino, const InodeRecord& directory,
                                       const InodeRecord& victim) const {
  TRY_OK(access(caller, ino, directory, W_OK | X_OK));
  if (caller.checked_by_kernel || (directory.mode & S_ISVTX) == 0 || caller.uid == 0 ||
      caller.uid == victim.uid || caller.uid == directory.uid) {
    return {};
  }
  return errno_error(EPERM);
}

Result<void> Permissions::change_owner(const Caller& caller, const InodeRecord& inode,
                                       const AttributeChange& change) {
  if (caller.checked_by_kernel || caller.uid == 0) return {};
  if (!change.uid && !change.gid) return {};
  const bool owns = caller.uid == inode.uid;
  if (change.uid && (!owns || *change.uid != inode.uid)) return errno_error(EPERM);
  if (change.gid && (!owns || (*change.gid != inode.gid && !in_group(caller, *change.gid)))) {
    return errno_error(EPERM);
  }
  return {};
}

bool Permissions::keeps_setgid(const Caller& caller, std::uint32_t gid) {
  return caller.checked_by_kernel || caller.uid == 0 || in_group(caller, gid);
}

std::uint32_t without_privileges(std::uint32_t mode) {
  if (!S_ISREG(mode)) return mode;
  mode &= ~static_cast<std::uint32_t>(S_ISUID);
  if ((mode & S_IXGRP) != 0) mode &= ~static_cast<std::uint32_t>(S_ISGID);
  return mode;
}

}  // namespace cairn::vfs
