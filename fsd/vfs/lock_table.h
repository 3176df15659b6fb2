#pragma once

#include <cstdint>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/vfs/lock_grace.h"
#include "fsd/vfs/lock_space.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

/// The advisory locks of all doors: POSIX and OFD byte ranges, and, in a space of their own as on
/// Linux, flock's whole files. Kept in memory only.
///
/// An OFD lock is a byte-range lock whose owner stands for a handle. All locks remember the handle
/// they were taken through and go with it.
///
/// Lifetime: outlives its Tasks.   Threads: core only. A waiting Task is resumed inside the call
/// that freed its lock, after the table is consistent again.
/// Fails with: EAGAIN, EDEADLK, EINTR, EINVAL, ENOLCK.
class LockTable {
 public:
  /// As F_GETLK: the conflicting lock with the lowest start, or `lock` with type kUnlock.
  [[nodiscard]] Result<RangeLock> test(Ino ino, RangeLock lock) const;
  /// As F_SETLK, or F_SETLKW with `wait`. `token` names the wait for cancel_wait(); 0: no name.
  Task<Result<void>> set(Ino ino, HandleId handle, RangeLock lock, bool wait, std::uint64_t token);
  /// What its owner held before a crash, without waiting, and whether there is a grace or not.
  Result<void> reclaim(Ino ino, HandleId handle, RangeLock lock);
  /// What this owner holds in the file, through any handle but `except`.
  [[nodiscard]] std::vector<RangeLock> held(Ino ino, LockOwner owner, HandleId except = {}) const;
  [[nodiscard]] LockGrace& grace() { return grace_; }
  /// As flock(2). A change of type gives the old lock up first, and does not get it back if the new
  /// one cannot be had.
  Task<Result<void>> set_flock(Ino ino, HandleId handle, LockOwner owner, LockType type, bool wait,
                               std::uint64_t token);
  /// The waiting call ends with EINTR. Nothing happens if it no longer waits.
  void cancel_wait(std::uint64_t token);

  /// close(2) of a descriptor: this owner's byte-range locks on the file go; flock's stay.
  void drop_owner(Ino ino, LockOwner owner);
  /// The last close: what was locked through the handle goes; who waits through it gets EINTR.
  void drop_handle(Ino ino, HandleId handle);
  /// The same for everything of a client that is gone.
  void drop_client(std::uint64_t client);

 private:
  Task<Result<void>> set_after_grace(Ino ino, HeldLock wanted, bool wait, std::uint64_t token);

  LockGrace grace_;
  LockSpace ranges_{LockSpace::Deadlocks::kDetect};
  LockSpace flocks_{LockSpace::Deadlocks::kIgnore};
};

}  // namespace cairn::vfs
