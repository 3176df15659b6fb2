#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/runtime/await.h"
#include "fsd/vfs/range_lock_set.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

inline constexpr std::size_t kLockWaitersMax = 1024;  // on one inode

/// Range locks of all inodes and those who wait for them, in one graph. lock_space.cc has the essay
/// on fairness and deadlocks.
/// Lifetime: outlives its Tasks.   Threads: core only. A waiting Task is resumed inside the call
/// that ended its wait, when the state is consistent again.
/// Fails with: EAGAIN, EDEADLK, EINTR, ENOLCK.
class LockSpace {
 public:
  enum class Deadlocks : std::uint8_t { kDetect, kIgnore };

  explicit LockSpace(Deadlocks deadlocks) : detect_(deadlocks == Deadlocks::kDetect) {}
  LockSpace(const LockSpace&) = delete;
  LockSpace& operator=(const LockSpace&) = delete;

  [[nodiscard]] const HeldLock* find_conflict(Ino ino, const RangeLock& wanted) const;
  /// The type that this owner holds anywhere in the file, kUnlock if nothing.
  [[nodiscard]] LockType held_type(Ino ino, LockOwner owner) const;

  [[nodiscard]] std::vector<RangeLock> held(Ino ino, LockOwner owner, HandleId except) const;
  /// EAGAIN if somebody else has it.
  Result<void> set_now(Ino ino, HeldLock wanted);

  // These as LockTable has them.
  Task<Result<void>> set(Ino ino, HeldLock wanted, bool wait, std::uint64_t token);
  void cancel_wait(std::uint64_t token);
  void drop_owner(Ino ino, LockOwner owner);
  void drop_handle(Ino ino, HandleId handle);
  void drop_client(std::uint64_t client);

  /// True if nothing is held and nobody waits.
  [[nodiscard]] bool empty() const { return inodes_.empty(); }

 private:
  struct Waiter {
    Ino ino;
    HeldLock wanted;
    std::uint64_t token = 0;
    bool hard = false;       // a held lock stood in its way when it was last looked at
    std::uint64_t seen = 0;  // the last search that came by
    OneShot<Result<void>> done;
  };
  struct Inode {
    RangeLockSet held;
    std::list<Waiter*> queue;  // in the order of arrival
  };
  using Ended = std::vector<std::pair<Waiter*, Result<void>>>;

  Task<Result<void>> wait_for(Ino ino, HeldLock wanted, std::uint64_t token);
  [[nodiscard]] static bool overtakes(const Inode& inode, const RangeLock& wanted,
                                      const Waiter* self);
  [[nodiscard]] bool waits_for_itself(Waiter& waiter, bool queues_too);
  void grant(Waiter& waiter, Ended& ended);
  bool settle(Ino ino, Ended& ended);
  void settle_loops(Ended& ended);
  void end_waits(const std::function<bool(const Waiter&)>& which, Ended& ended);
  void remove(Waiter& waiter);
  void finish(Ino ino, Ended& ended);

  const bool detect_;
  std::map<Ino, Inode> inodes_;
  std::multimap<LockOwner, Waiter*> waiting_;
  std::uint64_t searches_ = 0;
};

}  // namespace cairn::vfs
