#include "fsd/vfs/vfs_parts.h"

#include <linux/fs.h>
#include <unistd.h>

#include <optional>
#include <utility>

// rename, in the order of Linux's checks: names; what is there; loops; the same file twice (nothing
// to do, before rights are looked at); rights on both directories; types; emptiness; link counts.

namespace cairn::vfs {

struct Vfs::Parts::Renaming {
  InodeRef from_dir;
  InodeRef to_dir;
  std::string_view from_name;
  std::string_view to_name;
  Directory::Slot from;
  Directory::Slot to;
  InodeRef source;
  InodeRef target;  // what the new name names so far, if anything
  bool exchange = false;

  [[nodiscard]] bool moves() const { return from_dir.get() != to_dir.get(); }
  [[nodiscard]] static bool is_directory(const InodeRef& inode) {
    return inode && S_ISDIR(inode->record.mode);
  }
};

/// Is `directory` below `ancestor`, or the same?
Result<bool> Vfs::Parts::is_within(Ino directory_ino, Ino ancestor) {
  for (std::uint64_t steps = 0; steps <= counters.inodes(); ++steps) {
    if (directory_ino == ancestor) return true;
    if (directory_ino == kRootIno) return false;
    TRY(const InodeRef inode, get_named(directory_ino));
    directory_ino = inode->record.parent;
  }
  return Error(format::FormatErrc::kDamaged, "directories hold each other in a circle");
}

Result<void> Vfs::Parts::check_renaming(const Caller& caller, const Renaming& r) {
  const bool source_is_dir = Renaming::is_directory(r.source);
  const bool target_is_dir = Renaming::is_directory(r.target);
  TRY_OK(permissions.remove_entry(caller, r.from_dir->ino, r.from_dir->record, r.source->record));
  if (!r.target) {
    TRY_OK(permissions.add_entry(caller, r.to_dir->ino, r.to_dir->record));
  } else {
    TRY_OK(permissions.remove_entry(caller, r.to_dir->ino, r.to_dir->record, r.target->record));
    if (!r.exchange && source_is_dir && !target_is_dir) return errno_error(ENOTDIR);
    if (!r.exchange && !source_is_dir && target_is_dir) return errno_error(EISDIR);
  }
  if (r.moves()) {  // ".." of what moves changes
    auto may_write = [&](const InodeRef& inode) {
      return permissions.access(caller, inode->ino, inode->record, W_OK);
    };
    if (source_is_dir) TRY_OK(may_write(r.source));
    if (r.exchange && target_is_dir) TRY_OK(may_write(r.target));
  }
  if (!r.exchange && target_is_dir && r.target->record.size != 0) return errno_error(ENOTEMPTY);
  auto is_full = [](const InodeRef& dir) { return dir->record.nlink >= kLinksMax; };
  if (r.moves() && source_is_dir && !target_is_dir && is_full(r.to_dir)) return errno_error(EMLINK);
  if (r.moves() && r.exchange && target_is_dir && !source_is_dir && is_full(r.from_dir)) {
    return errno_error(EMLINK);
  }
  return {};
}

Result<void> Vfs::Parts::rename(const Caller& caller, Ino parent, std::string_view name,
                                Ino new_parent, std::string_view new_name, unsigned flags) {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 ||
      flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) {
    return errno_error(EINVAL);
  }
  TRY_OK(check_name(name));
  TRY_OK(check_name(new_name));
  Renaming r;
  r.exchange = flags == RENAME_EXCHANGE;
  TRY(r.from_dir, get_directory(caller, parent, X_OK));
  TRY(r.to_dir, get_directory(caller, new_parent, X_OK));
  if (is_dots(name) || is_dots(new_name)) {
    return errno_error(flags == RENAME_NOREPLACE && is_dots(new_name) ? EEXIST : EBUSY);
  }
  r.from_name = name;
  r.to_name = new_name;
  TRY(r.from, directory.find(parent, name));
  if (!r.from.taken) return errno_error(ENOENT);
  TRY(r.to, directory.find(new_parent, new_name));
  if (r.to.taken && flags == RENAME_NOREPLACE) return errno_error(EEXIST);
  if (!r.to.taken && r.exchange) return errno_error(ENOENT);
  TRY(r.source, get_named(r.from.ino));
  if (r.to.taken) {
    TRY(r.target, get_named(r.to.ino));
  }
  if (r.moves() && Renaming::is_directory(r.source)) {
    TRY(const bool into_itself, is_within(new_parent, r.from.ino));
    if (into_itself) return errno_error(EINVAL);
  }
  if (r.moves() && Renaming::is_directory(r.target)) {
    TRY(const bool onto_ancestor, is_within(parent, r.to.ino));
    if (onto_ancestor) return errno_error(r.exchange ? EINVAL : ENOTEMPTY);
  }
  if (r.target && r.target.get() == r.source.get()) return {};
  TRY_OK(check_renaming(caller, r));
  if (r.exchange) {
    exchange(caller, r);
  } else {
    move(caller, r);
  }
  return {};
}

void Vfs::Parts::move(const Caller& caller, Renaming& r) {
  const TimeNs when = now();
  if (r.target) {
    remove_entry(caller, *r.to_dir, r.to.cookie, r.to_name, *r.target, when);
    drop_link(caller, *r.target, when);
  }
  remove_entry(caller, *r.from_dir, r.from.cookie, r.from_name, *r.source, when);
  if (S_ISDIR(r.source->record.mode)) r.source->record.parent = r.to_dir->ino;
  r.source->record.ctime = when;
  store(caller, *r.source);
  add_entry(caller, *r.to_dir, r.to.cookie, r.to_name, *r.source, when);
}

void Vfs::Parts::exchange(const Caller& caller, Renaming& r) {
  const TimeNs when = now();
  directory.put(r.from_dir->ino, r.from.cookie, r.from_name, r.target->ino, r.target->record.mode);
  directory.put(r.to_dir->ino, r.to.cookie, r.to_name, r.source->ino, r.source->record.mode);
  const int moved_to = S_ISDIR(r.source->record.mode) ? 1 : 0;
  const int moved_back = S_ISDIR(r.target->record.mode) ? 1 : 0;
  if (r.moves()) {
    r.to_dir->record.nlink += moved_to - moved_back;
    r.from_dir->record.nlink += moved_back - moved_to;
    if (moved_to != 0) r.source->record.parent = r.to_dir->ino;
    if (moved_back != 0) r.target->record.parent = r.from_dir->ino;
  }
  for (Inode* inode : {r.source.get(), r.target.get()}) {
    inode->record.ctime = when;
    store(caller, *inode);
  }
  for (Inode* dir : {r.from_dir.get(), r.to_dir.get()}) {
    dir->record.mtime = dir->record.ctime = when;
    store(caller, *dir);
  }
  notify_entry(caller, r.from_dir->ino, r.from_name);
  notify_entry(caller, r.to_dir->ino, r.to_name);
}

Task<Result<void>> Vfs::rename(Caller caller, Ino parent, std::string name, Ino new_parent,
                               std::string new_name, unsigned flags) {
  CO_TRY_OK(co_await parts_->admit(caller, 0));
  co_return parts_->finish(parts_->rename(caller, parent, name, new_parent, new_name, flags));
}

}  // namespace cairn::vfs
