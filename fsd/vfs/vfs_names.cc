#include "fsd/vfs/vfs_parts.h"

#include <unistd.h>

#include "fsd/base/log.h"

// Lookups, and all that makes a name.

namespace cairn::vfs {

Result<void> check_name(std::string_view name) {
  if (name.empty()) return errno_error(ENOENT);
  if (name.size() > kNameBytesMax) return errno_error(ENAMETOOLONG);
  if (name.find('/') != name.npos || name.find('\0') != name.npos) return errno_error(EINVAL);
  return {};
}

Result<InodeRef> Vfs::Parts::get_directory(const Caller& caller, Ino ino, int mask) {
  TRY(InodeRef inode, inodes.get(ino));
  if (!S_ISDIR(inode->record.mode)) return errno_error(ENOTDIR);
  TRY_OK(permissions.access(caller, ino, inode->record, mask));
  return inode;
}

Result<InodeRef> Vfs::Parts::get_named(Ino ino) {
  auto inode = inodes.get(ino);
  if (inode || to_errno(inode.error()) != ESTALE) return inode;
  log::error("a directory entry names inode {}, which does not exist", ino.value());
  return Error(format::FormatErrc::kDamaged, "a directory entry names a missing inode");
}

Result<Attributes> Vfs::Parts::lookup(const Caller& caller, Ino parent, std::string_view name) {
  TRY_OK(check_name(name));
  TRY(const InodeRef dir, get_directory(caller, parent, X_OK));
  if (name == ".") return attributes(*dir);
  if (name == "..") {
    TRY(const InodeRef above, inodes.get(dir->record.parent));
    return attributes(*above);
  }
  TRY(const auto slot, directory.find(parent, name));
  if (!slot.taken) return errno_error(ENOENT);
  TRY(const InodeRef inode, get_named(slot.ino));
  return attributes(*inode);
}

Task<Result<void>> Vfs::Parts::wait_for_lease() {
  CO_TRY_OK(co_await volume.admit(0));
  while (const auto segment = counters.awaited_segment()) {
    CO_TRY_OK(co_await volume.sync(*segment));
    CO_TRY_OK(co_await volume.admit(0));
  }
  co_return Result<void>();
}

Result<Ino> Vfs::Parts::number_for(const Caller& caller) {
  if (caller.made_again == Ino()) return counters.next_ino();
  auto taken = inodes.get(caller.made_again);
  if (taken) return errno_error(EEXIST, "the inode number is taken");
  if (to_errno(taken.error()) != ESTALE) return taken.error();
  if (!counters.is_of_the_past(caller.made_again)) return errno_error(EINVAL);
  return caller.made_again;
}

Result<InodeRef> Vfs::Parts::new_inode(const Caller& caller, const Inode& parent, NewNode node) {
  const bool inherits_group = (parent.record.mode & S_ISGID) != 0;
  InodeRecord record;
  record.uid = caller.uid;
  record.gid = inherits_group ? parent.record.gid : caller.gid;
  record.rdev = S_ISCHR(node.mode) || S_ISBLK(node.mode) ? node.rdev : 0;
  if (inherits_group && S_ISDIR(node.mode)) {
    node.mode |= S_ISGID;
  } else if (inherits_group && (node.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
             !Permissions::keeps_setgid(caller, record.gid)) {
    node.mode &= ~static_cast<std::uint32_t>(S_ISGID);
  }
  TRY(const auto inherited, acls.inherit(parent.ino, parent.record, node.mode, node.umask));
  TRY(const Ino ino, number_for(caller));
  record.mode = inherited.mode;
  record.atime = record.mtime = record.ctime = record.btime = now();
  if (S_ISDIR(record.mode)) record.parent = parent.ino;
  acls.put(ino, record, inherited);
  counters.add_inode();
  return inodes.add(ino, record);
}

Result<Attributes> Vfs::Parts::make(const Caller& caller, Ino parent, std::string_view name,
                                    NewNode node, std::string_view symlink_target) {
  TRY_OK(check_name(name));
  TRY(const InodeRef dir, get_directory(caller, parent, X_OK));
  if (is_dots(name)) return errno_error(EEXIST);
  TRY(const auto slot, directory.find(parent, name));
  if (slot.taken) return errno_error(EEXIST);
  TRY(const InodeRef inode, make_at(caller, *dir, slot.cookie, name, node, symlink_target));
  return attributes(*inode);
}

Result<InodeRef> Vfs::Parts::make_at(const Caller& caller, Inode& dir, std::uint64_t cookie,
                                     std::string_view name, NewNode node,
                                     std::string_view symlink_target) {
  TRY_OK(permissions.add_entry(caller, dir.ino, dir.record));
  if (S_ISCHR(node.mode) || S_ISBLK(node.mode)) TRY_OK(Permissions::root(caller));
  if (S_ISDIR(node.mode) && dir.record.nlink >= kLinksMax) return errno_error(EMLINK);

  TRY(InodeRef inode, new_inode(caller, dir, node));
  inode->record.nlink = S_ISDIR(node.mode) ? 2 : 1;
  if (S_ISLNK(node.mode)) {
    inode->record.size = symlink_target.size();
    volume.put(format::symlink_key(inode->ino), symlink_target);
  }
  inodes.store(*inode);
  add_entry(caller, dir, cookie, name, *inode, inode->record.btime);
  return inode;
}

void Vfs::Parts::add_entry(const Caller& caller, Inode& parent, std::uint64_t cookie,
                           std::string_view name, const Inode& child, TimeNs when) {
  directory.put(parent.ino, cookie, name, child.ino, child.record.mode);
  ++parent.record.size;
  if (S_ISDIR(child.record.mode)) ++parent.record.nlink;
  parent.record.mtime = parent.record.ctime = when;
  store(caller, parent);
  notify_entry(caller, parent.ino, name);
}

Result<Attributes> Vfs::Parts::link(const Caller& caller, Ino ino, Ino new_parent,
                                    std::string_view name) {
  TRY_OK(check_name(name));
  TRY(const InodeRef inode, inodes.get(ino));
  TRY(const InodeRef dir, get_directory(caller, new_parent, X_OK));
  if (is_dots(name)) return errno_error(EEXIST);
  TRY(const auto slot, directory.find(new_parent, name));
  if (slot.taken) return errno_error(EEXIST);
  TRY_OK(permissions.add_entry(caller, new_parent, dir->record));
  if (S_ISDIR(inode->record.mode)) return errno_error(EPERM);
  const bool nameless = inode->record.nlink == 0;
  if (nameless && !inodes.linkable(ino)) return errno_error(ENOENT);
  if (inode->record.nlink >= kLinksMax) return errno_error(EMLINK);

  const TimeNs when = now();
  if (nameless) reclaimer.on_named(ino);
  ++inode->record.nlink;
  inode->record.ctime = when;
  store(caller, *inode);
  add_entry(caller, *dir, slot.cookie, name, *inode, when);
  return attributes(*inode);
}

// Nothing to wait for: these two end at once.
Task<Result<Attributes>> Vfs::lookup(Caller caller, Ino parent, std::string name) {
  co_return parts_->lookup(caller, parent, name);
}

Task<Result<std::string>> Vfs::read_symlink(Caller, Ino ino) {
  Parts& p = *parts_;
  CO_TRY(const InodeRef inode, p.inodes.get(ino));
  if (!S_ISLNK(inode->record.mode)) co_return errno_error(EINVAL);
  CO_TRY(auto target, p.volume.find(format::symlink_key(ino)));
  if (!target || target->empty()) co_return errno_error(EIO);
  p.touch_atime(*inode);
  co_return std::move(*target);
}

Task<Result<Attributes>> Vfs::make_node(Caller caller, Ino parent, std::string name, NewNode node) {
  if ((node.mode & S_IFMT) == 0) node.mode |= S_IFREG;
  if (S_ISDIR(node.mode)) co_return errno_error(EPERM);
  const bool known = S_ISREG(node.mode) || S_ISFIFO(node.mode) || S_ISSOCK(node.mode) ||
                     S_ISCHR(node.mode) || S_ISBLK(node.mode);
  if (!known) co_return errno_error(EINVAL);
  node.mode &= S_IFMT | 07777;
  CO_TRY_OK(co_await parts_->admit_new(caller));
  co_return parts_->finish(parts_->make(caller, parent, name, node, {}));
}

Task<Result<Attributes>> Vfs::make_directory(Caller caller, Ino parent, std::string name,
                                             NewNode node) {
  // mkdir(2) takes the permissions and the sticky bit; the group's bit comes from the parent.
  node.mode = S_IFDIR | (node.mode & 01777);
  CO_TRY_OK(co_await parts_->admit_new(caller));
  co_return parts_->finish(parts_->make(caller, parent, name, node, {}));
}

Task<Result<Attributes>> Vfs::make_symlink(Caller caller, Ino parent, std::string name,
                                           std::string target) {
  if (target.empty()) co_return errno_error(ENOENT);
  if (target.size() > kSymlinkBytesMax) co_return errno_error(ENAMETOOLONG);
  if (target.find('\0') != std::string::npos) co_return errno_error(EINVAL);
  CO_TRY_OK(co_await parts_->admit_new(caller));
  const NewNode node{.mode = S_IFLNK | 0777};
  co_return parts_->finish(parts_->make(caller, parent, name, node, target));
}

Task<Result<Attributes>> Vfs::link(Caller caller, Ino ino, Ino new_parent, std::string new_name) {
  CO_TRY_OK(co_await parts_->admit(caller, 0));
  co_return parts_->finish(parts_->link(caller, ino, new_parent, new_name));
}

}  // namespace cairn::vfs
