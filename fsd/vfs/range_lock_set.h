#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

inline constexpr std::size_t kLocksPerOwnerMax = 4096;  // on one inode
inline constexpr std::size_t kLocksPerInodeMax = 16384;

/// A byte-range lock and the handle it was taken through.
struct HeldLock {
  RangeLock lock;
  HandleId handle;
};

/// Two locks that different owners cannot have at the same time.
[[nodiscard]] bool conflict(const RangeLock& a, const RangeLock& b);

/// The byte-range locks that are held on one inode. Pure bookkeeping: nobody waits here.
/// Invariants: sorted by start; the locks of one owner do not overlap, and touch only where type
/// or handle differ.
/// Threads: core only.   Fails with: ENOLCK.
class RangeLockSet {
 public:
  /// The lock with the lowest start that stands in the way.
  [[nodiscard]] const HeldLock* find_conflict(const RangeLock& wanted) const;
  /// Sets, changes or (kUnlock) removes the owner's lock on the range: what he had there before is
  /// cut, split or merged as fcntl(2) says. The caller has made sure that nothing conflicts.
  Result<void> set(const HeldLock& wanted);

  /// Removes the locks that the predicate names; true if there were any.
  template <class Predicate>
  bool remove_if(Predicate predicate) {
    return std::erase_if(held_, predicate) > 0;
  }
  [[nodiscard]] const std::vector<HeldLock>& held() const { return held_; }
  [[nodiscard]] bool empty() const { return held_.empty(); }

 private:
  std::vector<HeldLock> held_;
};

}  // namespace cairn::vfs
