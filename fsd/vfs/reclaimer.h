#pragma once

#include "fsd/engine/volume.h"
#include "fsd/runtime/await.h"
#include "fsd/runtime/runtime.h"
#include "fsd/vfs/counters.h"
#include "fsd/vfs/file_data.h"
#include "fsd/vfs/inode_table.h"
#include "fsd/vfs/xattrs.h"

namespace cairn::vfs {

/// Frees what nobody can reach any more: inodes without names once their last use has ended, and
/// what truncations left to be trimmed. Work that does not fit into somebody's transaction goes on
/// in the background.
///
/// An inode that loses its last name while it is in use gets an orphan record in the same
/// transaction; so does one that is too large to be freed in it. The record goes with the inode. A
/// daemon that starts reclaims all inodes that still have one.
///
/// Lifetime: owned by Vfs, which awaits stop() first.   Threads: core only.
/// Failures in the background are logged; what they leave is done at the next start.
class Reclaimer {
 public:
  Reclaimer(Runtime& runtime, engine::Volume& volume, InodeTable& inodes, Counters& counters,
            Xattrs& xattrs, FileData& data);

  /// In the caller's transaction: the inode, stored with nlink 0, has lost its last name.
  void on_nameless(Inode& inode);
  /// In the caller's transaction: a nameless inode (O_TMPFILE) gets its first name.
  void on_named(Ino ino);
  /// The last use of a nameless inode has ended.
  void on_unused(Ino ino);
  /// Goes on, in the background, with trims that are pending, if there are any.
  void continue_trims();
  /// At start: what the last daemon left; files that were open and unlinked only if `orphans`.
  void recover(bool orphans);
  /// ... these later, if not then.
  void recover_orphans();
  /// What has no name stays from now on, for the next daemon.
  void keep_orphans() { keeps_orphans_ = true; }
  /// Waits for the background work.
  Task<> stop();

 private:
  bool erase_now(Inode& inode);
  Result<void> erase_parts(Inode& inode);
  Task<> reclaim(Ino ino);
  Task<> reclaim_later(Ino ino);
  Task<Result<void>> try_reclaim(Ino ino);
  Result<bool> reclaim_step(Ino ino);
  Task<> run_trims();
  Task<> run_recovery();
  Result<Ino> next_orphan(Ino after);

  Runtime& runtime_;
  engine::Volume& volume_;
  InodeTable& inodes_;
  Counters& counters_;
  Xattrs& xattrs_;
  FileData& data_;
  Gate gate_;
  bool keeps_orphans_ = false;
};

}  // namespace cairn::vfs
