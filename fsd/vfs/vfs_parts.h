#pragma once

#include <sys/stat.h>

#include <coroutine>
#include <string>
#include <string_view>

#include "fsd/format/keys.h"
#include "fsd/vfs/acl_store.h"
#include "fsd/vfs/counters.h"
#include "fsd/vfs/directory.h"
#include "fsd/vfs/file_data.h"
#include "fsd/vfs/handle_table.h"
#include "fsd/vfs/inode_table.h"
#include "fsd/vfs/lock_table.h"
#include "fsd/vfs/permissions.h"
#include "fsd/vfs/reclaimer.h"
#include "fsd/vfs/sessions.h"
#include "fsd/vfs/vfs.h"
#include "fsd/vfs/xattrs.h"

namespace cairn::vfs {

/// Awaits Volume::admit(); EINTR if the caller has withdrawn by then. Not an aggregate: g++ 12
/// destroys those twice when they are awaited.
class Admission {
 public:
  Admission(Task<Result<void>> admission, const CancelFlag* cancel)
      : admission_(std::move(admission)), cancel_(cancel) {}
  bool await_ready() const noexcept { return admission_.await_ready(); }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { admission_.await_suspend(waiter); }
  Result<void> await_resume() {
    if (is_cancelled(cancel_)) return errno_error(EINTR);
    return admission_.await_resume();
  }

 private:
  Task<Result<void>> admission_;
  const CancelFlag* cancel_;
};

/// What Vfs is made of, and the bodies of its operations.
///
/// Each operation that changes something is a coroutine of Vfs that awaits admit(), and then calls
/// one of the synchronous functions here, which reads, checks and changes. So an operation cannot
/// be suspended between a check and its change, and is one transaction. All checks come before the
/// first change; an error after that is one of the volume's.
struct Vfs::Parts {
  Parts(Runtime& runtime_used, engine::Volume& volume_used, Options options_used);

  Runtime& runtime;
  engine::Volume& volume;
  Options options;
  Counters counters{volume, options.inode_lease};
  Sessions sessions{volume};
  InodeTable inodes{volume, kLoadedInodesMax};
  Directory directory{volume, SipKey()};
  HandleTable handles;
  Xattrs xattrs{volume};
  AclStore acls{xattrs};
  Permissions permissions{acls};
  FileData data;
  LockTable locks;
  Reclaimer reclaimer{runtime, volume, inodes, counters, xattrs, data};
  ChangeListener* listener = nullptr;

  static constexpr std::size_t kLoadedInodesMax = 65536;

  // Shared by the operations.
  [[nodiscard]] TimeNs now() const { return runtime.clock.wall().count(); }
  /// Volume::admit(), for a caller who may withdraw while it waits.
  [[nodiscard]] Admission admit(const Caller& caller, std::size_t data_bytes) {
    return Admission(volume.admit(data_bytes), caller.cancel);
  }
  /// The same for whoever makes an inode: there is a number for it, too.
  [[nodiscard]] Admission admit_new(const Caller& caller) {
    const bool waits = counters.awaited_segment().has_value();
    return Admission(waits ? wait_for_lease() : volume.admit(0), caller.cancel);
  }
  Task<Result<void>> wait_for_lease();
  /// Puts what the whole transaction has changed, at its end. Passes the operation's result on.
  template <class T>
  Result<T> finish(Result<T> result) {
    counters.store();
    if (result) inodes.put_pending_atimes(kAtimesPerTransaction);
    return result;
  }
  static constexpr std::size_t kAtimesPerTransaction = 16;
  /// Stores an inode and tells the listener.
  void store(const Caller& caller, Inode& inode);
  void notify_entry(const Caller& caller, Ino parent, std::string_view name) const;
  void notify_data(const Caller& caller, Ino ino, std::uint64_t offset, std::uint64_t length) const;
  /// relatime: now if the atime is older than the last change, or than a day.
  void touch_atime(Inode& inode, int open_flags = 0);
  [[nodiscard]] static Attributes attributes(const Inode& inode) {
    return {inode.ino, inode.record};
  }
  Result<void> make_root();
  Result<void> on_freed(Ino ino, std::uint64_t bytes);

  // Names (vfs_names.cc, vfs_unlink.cc, vfs_rename.cc).
  Result<InodeRef> get_directory(const Caller& caller, Ino ino, int mask);
  /// The inode that a directory entry names: EIO, not ESTALE, if there is none.
  Result<InodeRef> get_named(Ino ino);
  Result<Attributes> lookup(const Caller& caller, Ino parent, std::string_view name);
  Result<Attributes> make(const Caller& caller, Ino parent, std::string_view name, NewNode node,
                          std::string_view symlink_target);
  /// The same once the name is known to be free.
  Result<InodeRef> make_at(const Caller& caller, Inode& dir, std::uint64_t cookie,
                           std::string_view name, NewNode node, std::string_view symlink_target);
  Result<Ino> number_for(const Caller& caller);
  /// After all checks: an inode with no link yet, not stored yet.
  Result<InodeRef> new_inode(const Caller& caller, const Inode& parent, NewNode node);
  Result<Attributes> link(const Caller& caller, Ino ino, Ino new_parent, std::string_view name);
  Result<void> unlink(const Caller& caller, Ino parent, std::string_view name);
  Result<void> remove_directory(const Caller& caller, Ino parent, std::string_view name);
  void add_entry(const Caller& caller, Inode& parent, std::uint64_t cookie, std::string_view name,
                 const Inode& child, TimeNs when);
  void remove_entry(const Caller& caller, Inode& parent, std::uint64_t cookie,
                    std::string_view name, const Inode& child, TimeNs when);
  /// One name less; the last one's end is the inode's, once it is not in use.
  void drop_link(const Caller& caller, Inode& inode, TimeNs when);
  struct Renaming;
  Result<void> rename(const Caller& caller, Ino parent, std::string_view name, Ino new_parent,
                      std::string_view new_name, unsigned flags);
  Result<void> check_renaming(const Caller& caller, const Renaming& r);
  Result<bool> is_within(Ino directory, Ino ancestor);
  void exchange(const Caller& caller, Renaming& r);
  void move(const Caller& caller, Renaming& r);

  // Attributes (vfs_attributes.cc).
  Result<Attributes> set_attributes(const Caller& caller, Ino ino, HandleId handle,
                                    const AttributeChange& change);
  Result<void> check_change(const Caller& caller, const Inode& inode, HandleId handle,
                            const AttributeChange& change);
  Result<void> apply_change(const Caller& caller, Ino ino, InodeRecord& next,
                            const AttributeChange& change, TimeNs when);
  Result<void> resize(const Caller& caller, Inode& inode, InodeRecord& next, std::uint64_t size);
  /// Takes set-user-ID, set-group-ID and capabilities away, as a write by somebody else does.
  Result<void> drop_privileges(Ino ino, InodeRecord& next, bool mode_too);
  static bool loses_privileges(const Caller& caller, bool kill_suidgid) {
    return kill_suidgid || (!caller.checked_by_kernel && caller.uid != 0);
  }

  // Extended attributes (vfs_xattrs.cc).
  Result<void> set_xattr(const Caller& caller, Ino ino, const std::string& name,
                         std::string_view value, int flags);
  Result<void> set_acl(const Caller& caller, Inode& inode, std::string_view name,
                       std::string_view value);
  Result<std::string> get_xattr(const Caller& caller, Ino ino, const std::string& name);
  Result<std::vector<std::string>> list_xattr(const Caller& caller, Ino ino);
  Result<void> remove_xattr(const Caller& caller, Ino ino, const std::string& name);

  // Open files (vfs_files.cc, vfs_data.cc).
  using Opened = std::pair<HandleId, Attributes>;
  Result<Opened> create(const Caller& caller, Ino parent, std::string_view name, NewNode node,
                        int flags);
  Result<Opened> make_tmpfile(const Caller& caller, Ino parent, NewNode node, int flags);
  Result<HandleId> open_file(const Caller& caller, Ino ino, int flags);
  Result<void> check_open(const Caller& caller, const Inode& inode, int flags) const;
  HandleId add_handle(const Caller& caller, Ino ino, int flags, bool directory);
  Result<void> release(HandleId handle, bool directory);
  /// The inode of an open regular file; EBADF, EISDIR, EINVAL.
  Result<InodeRef> get_file(const OpenFile& file);
  Result<std::size_t> write(const Caller& caller, HandleId handle, std::uint64_t offset,
                            ByteView bytes, bool kill_suidgid);
  Result<void> allocate(const Caller& caller, HandleId handle, int mode, std::uint64_t offset,
                        std::uint64_t length);
  Result<std::uint64_t> copy_range(const Caller& caller, HandleId from, std::uint64_t from_offset,
                                   HandleId to, std::uint64_t to_offset, std::uint64_t length);
  /// ENOSPC if extents all over this range would be too much for the volume.
  Result<void> check_room(Ino ino, std::uint64_t offset, std::uint64_t length);
  Result<std::uint64_t> allocated_bytes(Ino ino, std::uint64_t offset, std::uint64_t length);
  void finish_data_change(const Caller& caller, Inode& inode, InodeRecord& next,
                          std::uint64_t offset, std::uint64_t length);
};

/// A name that can be looked up: ENOENT, ENAMETOOLONG, EINVAL.
[[nodiscard]] Result<void> check_name(std::string_view name);
[[nodiscard]] inline bool is_dots(std::string_view name) { return name == "." || name == ".."; }

}  // namespace cairn::vfs
