#include "fsd/vfs/vfs_parts.h"

#include <unistd.h>

// Opening and closing of files.

namespace cairn::vfs {

HandleId Vfs::Parts::add_handle(const Caller& caller, Ino ino, int flags, bool is_dir) {
  inodes.open(ino);
  return handles.add({.ino = ino, .flags = flags, .client = caller.client, .directory = is_dir});
}

Result<void> Vfs::Parts::check_open(const Caller& caller, const Inode& inode, int flags) const {
  const std::uint32_t mode = inode.record.mode;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
  if (S_ISLNK(mode)) return errno_error(ELOOP);
  if (S_ISDIR(mode)) return errno_error(EISDIR);
  if ((flags & O_DIRECTORY) != 0) return errno_error(ENOTDIR);
  // Devices, fifos and sockets are opened by the client's own kernel.
  if (!S_ISREG(mode)) return errno_error(ENXIO);
  int mask = writes ? W_OK : 0;
  if ((flags & O_ACCMODE) != O_WRONLY) mask |= R_OK;
  TRY_OK(permissions.access(caller, inode.ino, inode.record, mask));
  if ((flags & O_NOATIME) != 0) TRY_OK(Permissions::owner(caller, inode.record));
  if (writes && volume.read_only()) return errno_error(EROFS);
  return {};
}

Result<HandleId> Vfs::Parts::open_file(const Caller& caller, Ino ino, int flags) {
  TRY(const InodeRef inode, inodes.get(ino));
  TRY_OK(check_open(caller, *inode, flags));
  if ((flags & O_TRUNC) != 0) {
    InodeRecord next = inode->record;
    TRY_OK(drop_privileges(ino, next, loses_privileges(caller, false)));
    TRY_OK(resize(caller, *inode, next, 0));
    next.mtime = next.ctime = now();
    inode->record = next;
    store(caller, *inode);
  }
  return add_handle(caller, ino, flags, false);
}

Result<Vfs::Parts::Opened> Vfs::Parts::create(const Caller& caller, Ino parent,
                                              std::string_view name, NewNode node, int flags) {
  TRY_OK(check_name(name));
  TRY(const InodeRef dir, get_directory(caller, parent, X_OK));
  if (is_dots(name)) return errno_error((flags & O_EXCL) != 0 ? EEXIST : EISDIR);
  TRY(const auto slot, directory.find(parent, name));
  if (!slot.taken) {
    // Who makes a file may write to it, whatever its mode.
    TRY(const InodeRef made, make_at(caller, *dir, slot.cookie, name, node, {}));
    return Opened(add_handle(caller, made->ino, flags, false), attributes(*made));
  }
  if ((flags & O_EXCL) != 0) return errno_error(EEXIST);
  // A kernel that asks has looked first and found nothing, so it has not checked any right on what
  // another door has made since. At ESTALE it looks again, and opens what it finds as an old file.
  if (caller.checked_by_kernel) return errno_error(ESTALE);
  TRY(const InodeRef inode, get_named(slot.ino));
  TRY(const HandleId handle, open_file(caller, slot.ino, flags));
  return Opened(handle, attributes(*inode));
}

Result<Vfs::Parts::Opened> Vfs::Parts::make_tmpfile(const Caller& caller, Ino parent, NewNode node,
                                                    int flags) {
  TRY(const InodeRef dir, get_directory(caller, parent, X_OK));
  TRY_OK(permissions.add_entry(caller, parent, dir->record));
  TRY(const InodeRef inode, new_inode(caller, *dir, node));
  inodes.store(*inode);
  const HandleId handle = add_handle(caller, inode->ino, flags, false);
  if ((flags & O_EXCL) == 0) inodes.set_linkable(inode->ino);
  reclaimer.on_nameless(*inode);
  return Opened(handle, attributes(*inode));
}

Result<void> Vfs::Parts::release(HandleId handle, bool is_dir) {
  TRY(const OpenFile file, handles.get(handle));
  if (file.directory != is_dir) return errno_error(EBADF);
  locks.drop_handle(file.ino, handle);
  handles.erase(handle);
  inodes.close(file.ino);
  return {};
}

Task<Result<std::pair<HandleId, Attributes>>> Vfs::create(Caller caller, Ino parent,
                                                          std::string name, NewNode node,
                                                          int flags) {
  node.mode = S_IFREG | (node.mode & 07777);
  CO_TRY_OK(co_await parts_->admit_new(caller));
  auto result = parts_->finish(parts_->create(caller, parent, name, node, flags));
  if ((flags & O_TRUNC) != 0) parts_->reclaimer.continue_trims();
  co_return result;
}

Task<Result<std::pair<HandleId, Attributes>>> Vfs::make_tmpfile(Caller caller, Ino parent,
                                                                NewNode node, int flags) {
  if ((flags & O_ACCMODE) == O_RDONLY) co_return errno_error(EINVAL);
  node.mode = S_IFREG | (node.mode & 07777);
  CO_TRY_OK(co_await parts_->admit_new(caller));
  co_return parts_->finish(parts_->make_tmpfile(caller, parent, node, flags));
}

Task<Result<HandleId>> Vfs::open_file(Caller caller, Ino ino, int flags) {
  if ((flags & O_TRUNC) == 0) co_return parts_->open_file(caller, ino, flags);
  CO_TRY_OK(co_await parts_->admit(caller, 0));
  auto result = parts_->finish(parts_->open_file(caller, ino, flags));
  parts_->reclaimer.continue_trims();
  co_return result;
}

Task<Result<void>> Vfs::release(HandleId handle) { co_return parts_->release(handle, false); }

}  // namespace cairn::vfs
