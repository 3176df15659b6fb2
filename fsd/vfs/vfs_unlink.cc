#include "fsd/vfs/vfs_parts.h"

#include <unistd.h>

// All that takes a name away, but for rename.

namespace cairn::vfs {

void Vfs::Parts::remove_entry(const Caller& caller, Inode& parent, std::uint64_t cookie,
                              std::string_view name, const Inode& child, TimeNs when) {
  directory.erase(parent.ino, cookie);
  if (parent.record.size > 0) --parent.record.size;
  if (S_ISDIR(child.record.mode) && parent.record.nlink > 2) --parent.record.nlink;
  parent.record.mtime = parent.record.ctime = when;
  store(caller, parent);
  notify_entry(caller, parent.ino, name);
}

void Vfs::Parts::drop_link(const Caller& caller, Inode& inode, TimeNs when) {
  if (S_ISDIR(inode.record.mode)) {
    inode.record.nlink = 0;
  } else if (inode.record.nlink > 0) {
    --inode.record.nlink;
  }
  inode.record.ctime = when;
  store(caller, inode);
  if (inode.record.nlink == 0) reclaimer.on_nameless(inode);
}

Result<void> Vfs::Parts::unlink(const Caller& caller, Ino parent, std::string_view name) {
  TRY_OK(check_name(name));
  TRY(const InodeRef dir, get_directory(caller, parent, X_OK));
  if (is_dots(name)) return errno_error(EISDIR);
  TRY(const auto slot, directory.find(parent, name));
  if (!slot.taken) return errno_error(ENOENT);
  TRY(const InodeRef inode, get_named(slot.ino));
  TRY_OK(permissions.remove_entry(caller, parent, dir->record, inode->record));
  if (S_ISDIR(inode->record.mode)) return errno_error(EISDIR);

  const TimeNs when = now();
  remove_entry(caller, *dir, slot.cookie, name, *inode, when);
  drop_link(caller, *inode, when);
  return {};
}

Result<void> Vfs::Parts::remove_directory(const Caller& caller, Ino parent, std::string_view name) {
  TRY_OK(check_name(name));
  TRY(const InodeRef dir, get_directory(caller, parent, X_OK));
  if (name == ".") return errno_error(EINVAL);
  if (name == "..") return errno_error(ENOTEMPTY);
  TRY(const auto slot, directory.find(parent, name));
  if (!slot.taken) return errno_error(ENOENT);
  TRY(const InodeRef inode, get_named(slot.ino));
  TRY_OK(permissions.remove_entry(caller, parent, dir->record, inode->record));
  if (!S_ISDIR(inode->record.mode)) return errno_error(ENOTDIR);
  if (inode->record.size != 0) return errno_error(ENOTEMPTY);

  const TimeNs when = now();
  remove_entry(caller, *dir, slot.cookie, name, *inode, when);
  drop_link(caller, *inode, when);
  return {};
}

Task<Result<void>> Vfs::unlink(Caller caller, Ino parent, std::string name) {
  CO_TRY_OK(co_await parts_->admit(caller, 0));
  co_return parts_->finish(parts_->unlink(caller, parent, name));
}

Task<Result<void>> Vfs::remove_directory(Caller caller, Ino parent, std::string name) {
  CO_TRY_OK(co_await parts_->admit(caller, 0));
  co_return parts_->finish(parts_->remove_directory(caller, parent, name));
}

}  // namespace cairn::vfs
