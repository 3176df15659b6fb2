#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fsd/base/bytes.h"
#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/volume.h"
#include "fsd/runtime/runtime.h"
#include "fsd/vfs/sip_hash.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

class Sessions;

/// The POSIX core: every operation of every door goes through here, with the same rights, locks
/// and durability. SEMANTICS.md says what POSIX leaves open and how we decided.
///
/// Arguments: coroutines take what they keep by value; spans and string_views that a caller passes
/// must stay valid until the Task ends, or Caller::cancel is set. Most operations end at once;
/// those that may wait are data reads, the write window, fsync and blocking locks.
/// Lifetime: outlives all Tasks and handles.   Threads: core only.
/// Fails with: errno values (std::generic_category), or the engine's errors (to_errno: EIO).
class Vfs {
 public:
  struct Options {
    std::uint64_t bytes_max = UINT64_MAX;  // logical bytes; ENOSPC past it
    std::uint32_t root_uid = 0;            // owner of the root directory of a new volume
    std::uint32_t root_gid = 0;
    std::size_t extents_per_step = kExtentsPerStep;  // tests make it small
    std::uint64_t inode_lease = kInodeLease;         // tests make it small
    /// There is somebody who will call end_grace().
    bool grace = false;
  };
  /// Makes the root directory of a new volume, reclaims files that were open and unlinked when the
  /// last daemon ended, and goes on with interrupted trims in the background.
  static Task<Result<std::unique_ptr<Vfs>>> open(Runtime& runtime, engine::Volume& volume,
                                                 Options options);
  ~Vfs();

  void set_listener(ChangeListener* listener);  // nullptr for none; one for all doors
  /// Waits for background work of our own. No operation may be under way or begin.
  Task<> stop();

  // Names. Those that create return the new node's attributes. Each returned or found node may be
  // used by number until it has neither names nor open handles nor remembered lookups.
  Task<Result<Attributes>> lookup(Caller caller, Ino parent, std::string name);
  /// A door that lets a kernel or client keep inode numbers counts them here, so that an unlinked
  /// inode lives as long as somebody may still ask for it.
  void remember(Ino ino, std::uint64_t lookups = 1);
  void forget(Ino ino, std::uint64_t lookups);
  Task<Result<Attributes>> make_node(Caller caller, Ino parent, std::string name, NewNode node);
  Task<Result<Attributes>> make_directory(Caller caller, Ino parent, std::string name,
                                          NewNode node);
  Task<Result<Attributes>> make_symlink(Caller caller, Ino parent, std::string name,
                                        std::string target);
  Task<Result<Attributes>> link(Caller caller, Ino ino, Ino new_parent, std::string new_name);
  Task<Result<void>> unlink(Caller caller, Ino parent, std::string name);
  Task<Result<void>> remove_directory(Caller caller, Ino parent, std::string name);
  /// `flags`: RENAME_NOREPLACE or RENAME_EXCHANGE, as in renameat2(2).
  Task<Result<void>> rename(Caller caller, Ino parent, std::string name, Ino new_parent,
                            std::string new_name, unsigned flags);
  Task<Result<std::string>> read_symlink(Caller caller, Ino ino);

  // Attributes.
  Task<Result<Attributes>> get_attributes(Caller caller, Ino ino);
  /// `handle` if the change is made through an open file (ftruncate), else HandleId{}.
  Task<Result<Attributes>> set_attributes(Caller caller, Ino ino, HandleId handle,
                                          AttributeChange change);
  /// `mask`: R_OK, W_OK, X_OK.
  Task<Result<void>> access(Caller caller, Ino ino, int mask);
  FilesystemStats stats();

  // Extended attributes; POSIX ACLs are system.posix_acl_access and _default, in Linux's format.
  /// `flags`: XATTR_CREATE, XATTR_REPLACE.
  Task<Result<void>> set_xattr(Caller caller, Ino ino, std::string name, std::string value,
                               int flags);
  Task<Result<std::string>> get_xattr(Caller caller, Ino ino, std::string name);
  Task<Result<std::vector<std::string>>> list_xattr(Caller caller, Ino ino);
  Task<Result<void>> remove_xattr(Caller caller, Ino ino, std::string name);

  // Open files. `flags` as in open(2).
  Task<Result<std::pair<HandleId, Attributes>>> create(Caller caller, Ino parent, std::string name,
                                                       NewNode node, int flags);
  Task<Result<std::pair<HandleId, Attributes>>> make_tmpfile(Caller caller, Ino parent,
                                                             NewNode node, int flags);
  Task<Result<HandleId>> open_file(Caller caller, Ino ino, int flags);
  /// Drops the handle's flock and OFD locks. The file is reclaimed if this was its last use.
  Task<Result<void>> release(HandleId handle);
  /// Bytes read; short only at the end of the file. After `cancel` (or null) is set, `into` is not
  /// touched any more.
  Task<Result<std::size_t>> read(HandleId handle, std::uint64_t offset, MutableByteView into,
                                 const CancelFlag* cancel = nullptr);
  /// All of `bytes` (at most kIoBytesMax), or an error. With O_APPEND at the end, whatever
  /// `offset`. `kill_suidgid`: the writer lacks CAP_FSETID, as FUSE says it.
  Task<Result<std::size_t>> write(Caller caller, HandleId handle, std::uint64_t offset,
                                  ByteView bytes, bool kill_suidgid);
  /// close(2) of one descriptor: drops this owner's POSIX locks on the file.
  Task<Result<void>> flush(HandleId handle, LockOwner owner);
  /// Durable in the bucket when it returns. Directories too.
  Task<Result<void>> fsync(Ino ino, bool data_only);
  /// Everything so far is durable when it returns.
  Task<Result<void>> sync_all();
  /// `mode`: FALLOC_FL_*.
  Task<Result<void>> allocate(Caller caller, HandleId handle, int mode, std::uint64_t offset,
                              std::uint64_t length);
  /// `whence`: SEEK_DATA or SEEK_HOLE.
  Task<Result<std::uint64_t>> seek(HandleId handle, std::uint64_t offset, int whence);
  /// Shares extents: copies no bytes. The number of bytes that now are in both.
  Task<Result<std::uint64_t>> copy_range(Caller caller, HandleId from, std::uint64_t from_offset,
                                         HandleId to, std::uint64_t to_offset,
                                         std::uint64_t length);

  // Directories.
  Task<Result<HandleId>> open_directory(Caller caller, Ino ino);
  /// Visits entries after `cookie` (0 from the start; "." and ".." come first) until `visit`
  /// returns false, which means that this entry did not fit. An entry that exists during the whole
  /// listing is seen exactly once, whatever else changes.
  Result<void> read_directory(HandleId handle, std::uint64_t cookie,
                              const std::function<bool(const DirectoryEntry&)>& visit);
  /// For readdirplus: the attributes of an entry just visited, without permission checks.
  Result<Attributes> peek_attributes(Ino ino);
  /// What the name stands for, Ino{} if for nothing, without permission checks.
  Result<Ino> peek_entry(Ino parent, std::string_view name);
  Task<Result<void>> release_directory(HandleId handle);

  // Locks. A POSIX lock belongs to an owner; OFD and flock locks to a handle (the door passes an
  // owner that stands for it and names the handle, so that release() can free them). That a handle
  // is open for what fcntl(2) wants of a lock's type, the client's kernel has checked; over 9P it
  // sends a flock(2), which wants nothing, as a lock on a range.
  Task<Result<RangeLock>> test_lock(HandleId handle, RangeLock lock);
  /// `wait`: until it can be had; else EAGAIN. EDEADLK where waiting would never end. A waiting
  /// call ends with EINTR after cancel_lock_wait(token).
  Task<Result<void>> set_lock(HandleId handle, RangeLock lock, bool wait, std::uint64_t token);
  Task<Result<void>> set_flock(HandleId handle, LockOwner owner, LockType type, bool wait,
                               std::uint64_t token);
  void cancel_lock_wait(std::uint64_t token);
  /// Everything that a vanished client held.
  void drop_client(std::uint64_t client);

  // Sessions that outlive a crash.
  [[nodiscard]] Sessions& sessions();
  /// A secret of this volume's, for `purpose` alone.
  [[nodiscard]] SipKey derive_key(std::string_view purpose) const;
  /// With Options::grace, what the last daemon's clients may come back for is kept for them until
  /// this: files that were open and unlinked, and, after hold_locks(), their locks.
  void end_grace();
  /// Until release_locks() or end_grace() nobody gets a lock but by reclaim_lock(): who will not
  /// wait gets EAGAIN.
  void hold_locks();
  void release_locks();
  Result<void> reclaim_lock(HandleId handle, RangeLock lock);
  /// Through all handles but `except`.
  [[nodiscard]] std::vector<RangeLock> held_locks(Ino ino, LockOwner owner,
                                                  HandleId except = {}) const;
  /// From now on, files without names stay when their last use ends: for the next daemon to keep.
  void keep_orphans();

 private:
  struct Parts;
  explicit Vfs(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace cairn::vfs
