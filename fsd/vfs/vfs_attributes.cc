#include "fsd/vfs/vfs_parts.h"

#include <unistd.h>

// stat, chmod, chown, utimes, truncate, access.

namespace cairn::vfs {

Result<void> Vfs::Parts::check_change(const Caller& caller, const Inode& inode, HandleId handle,
                                      const AttributeChange& change) {
  const InodeRecord& r = inode.record;
  TRY_OK(Permissions::change_owner(caller, r, change));
  if (change.mode) {
    TRY_OK(Permissions::owner(caller, r));
    if (S_ISLNK(r.mode)) return errno_error(EOPNOTSUPP);
  }
  // Both times to now is a right of whoever may write; anything else is the owner's.
  const bool touches = change.atime_now && change.mtime_now && !change.atime && !change.mtime;
  const bool sets_times =
      change.atime || change.mtime || change.ctime || change.atime_now || change.mtime_now;
  if (touches && !change.ctime) {
    if (!Permissions::owner(caller, r)) TRY_OK(permissions.access(caller, inode.ino, r, W_OK));
  } else if (sets_times) {
    TRY_OK(Permissions::owner(caller, r));
  }
  if (!change.size) return {};
  if (S_ISDIR(r.mode)) return errno_error(EISDIR);
  if (!S_ISREG(r.mode)) return errno_error(EINVAL);
  if (*change.size > kFileBytesMax) return errno_error(EFBIG);
  if (handle == HandleId()) return permissions.access(caller, inode.ino, r, W_OK);
  TRY(const OpenFile file, handles.get(handle));
  return file.writable() && file.ino == inode.ino ? Result<void>() : errno_error(EINVAL);
}

Result<void> Vfs::Parts::drop_privileges(Ino ino, InodeRecord& next, bool mode_too) {
  if (!S_ISREG(next.mode)) return {};
  if (mode_too) next.mode = without_privileges(next.mode);
  if ((next.flags & format::kInodeHasCapability) != 0) {
    TRY_OK(xattrs.erase(ino, next, kCapability));
  }
  return {};
}

Result<void> Vfs::Parts::resize(const Caller& caller, Inode& inode, InodeRecord& next,
                                std::uint64_t size) {
  const std::uint64_t changed_from = std::min(next.size, size);
  TRY_OK(data.truncate(inode.ino, next, size));
  counters.change_bytes(inode.record.blocks, next.blocks);
  notify_data(caller, inode.ino, changed_from, UINT64_MAX - changed_from);
  return {};
}

/// Modes, owners and times; the file's bytes and the stored record stay.
Result<void> Vfs::Parts::apply_change(const Caller& caller, Ino ino, InodeRecord& next,
                                      const AttributeChange& change, TimeNs when) {
  const bool new_owner = change.uid || change.gid;
  const bool like_a_write = change.kill_suidgid || (change.size && loses_privileges(caller, false));
  if (new_owner || change.size || change.kill_suidgid) {
    TRY_OK(drop_privileges(ino, next, new_owner || like_a_write));
  }
  next.uid = change.uid.value_or(next.uid);
  next.gid = change.gid.value_or(next.gid);
  if (change.mode) {
    std::uint32_t mode = *change.mode & 07777;
    if (!Permissions::keeps_setgid(caller, next.gid)) mode &= ~static_cast<std::uint32_t>(S_ISGID);
    TRY_OK(acls.change_mode(ino, next, mode));
  }
  if (change.atime || change.atime_now) next.atime = change.atime.value_or(when);
  if (change.mtime || change.mtime_now || change.size) next.mtime = change.mtime.value_or(when);
  next.ctime = change.ctime.value_or(when);
  return {};
}

Result<Attributes> Vfs::Parts::set_attributes(const Caller& caller, Ino ino, HandleId handle,
                                              const AttributeChange& change) {
  TRY(const InodeRef inode, inodes.get(ino));
  TRY_OK(check_change(caller, *inode, handle, change));
  const bool asked = change.mode || change.uid || change.gid || change.size || change.atime ||
                     change.mtime || change.ctime || change.atime_now || change.mtime_now ||
                     change.kill_suidgid;
  if (!asked) return attributes(*inode);
  InodeRecord next = inode->record;
  TRY_OK(apply_change(caller, ino, next, change, now()));
  if (change.size) TRY_OK(resize(caller, *inode, next, *change.size));
  inode->record = next;
  store(caller, *inode);
  return attributes(*inode);
}

Task<Result<Attributes>> Vfs::get_attributes(Caller, Ino ino) { co_return peek_attributes(ino); }

Result<Ino> Vfs::peek_entry(Ino parent, std::string_view name) {
  TRY_OK(check_name(name));
  TRY(const auto slot, parts_->directory.find(parent, name));
  return slot.taken ? slot.ino : Ino();
}

Result<Attributes> Vfs::peek_attributes(Ino ino) {
  TRY(const InodeRef inode, parts_->inodes.get(ino));
  return Parts::attributes(*inode);
}

Task<Result<Attributes>> Vfs::set_attributes(Caller caller, Ino ino, HandleId handle,
                                             AttributeChange change) {
  CO_TRY_OK(co_await parts_->admit(caller, 0));
  auto result = parts_->finish(parts_->set_attributes(caller, ino, handle, change));
  if (change.size) parts_->reclaimer.continue_trims();
  co_return result;
}

Task<Result<void>> Vfs::access(Caller caller, Ino ino, int mask) {
  CO_TRY(const InodeRef inode, parts_->inodes.get(ino));
  if ((mask & W_OK) != 0 && parts_->volume.read_only() &&
      (S_ISREG(inode->record.mode) || S_ISDIR(inode->record.mode) || S_ISLNK(inode->record.mode))) {
    co_return errno_error(EROFS);
  }
  co_return parts_->permissions.access(caller, ino, inode->record, mask);
}

}  // namespace cairn::vfs
