#include "fsd/vfs/range_lock_set.h"

#include <algorithm>

namespace cairn::vfs {
namespace {

bool overlap(const RangeLock& a, const RangeLock& b) {
  return a.start <= b.end && b.start <= a.end;
}

/// Side by side, without a byte between them.
bool adjoin(const RangeLock& a, const RangeLock& b) {
  return (a.end != UINT64_MAX && a.end + 1 == b.start) ||
         (b.end != UINT64_MAX && b.end + 1 == a.start);
}

bool alike(const HeldLock& a, const HeldLock& b) {
  return a.lock.type == b.lock.type && a.handle == b.handle;
}

}  // namespace

bool conflict(const RangeLock& a, const RangeLock& b) {
  return a.owner != b.owner && overlap(a, b) && a.type != LockType::kUnlock &&
         b.type != LockType::kUnlock && (a.type == LockType::kWrite || b.type == LockType::kWrite);
}

const HeldLock* RangeLockSet::find_conflict(const RangeLock& wanted) const {
  for (const HeldLock& held : held_) {
    if (held.lock.start > wanted.end) break;
    if (conflict(held.lock, wanted)) return &held;
  }
  return nullptr;
}

Result<void> RangeLockSet::set(const HeldLock& wanted) {
  HeldLock merged = wanted;
  std::vector<HeldLock> pieces;  // what is there afterwards in place of those that are `gone`
  auto gone = [&](const HeldLock& held) {
    return held.lock.owner == wanted.lock.owner &&
           (overlap(held.lock, wanted.lock) ||
            (alike(held, wanted) && adjoin(held.lock, wanted.lock)));
  };
  std::size_t owned = 0;
  std::size_t gone_count = 0;
  for (const HeldLock& held : held_) {
    owned += held.lock.owner == wanted.lock.owner ? 1 : 0;
    if (!gone(held)) continue;
    ++gone_count;
    if (alike(held, wanted)) {
      merged.lock.start = std::min(merged.lock.start, held.lock.start);
      merged.lock.end = std::max(merged.lock.end, held.lock.end);
      continue;
    }
    if (held.lock.start < wanted.lock.start) {
      pieces.push_back(held);
      pieces.back().lock.end = wanted.lock.start - 1;
    }
    if (held.lock.end > wanted.lock.end) {
      pieces.push_back(held);
      pieces.back().lock.start = wanted.lock.end + 1;
    }
  }
  if (wanted.lock.type != LockType::kUnlock) pieces.push_back(merged);
  if (pieces.size() > gone_count) {
    const std::size_t more = pieces.size() - gone_count;
    if (owned + more > kLocksPerOwnerMax || held_.size() + more > kLocksPerInodeMax) {
      return errno_error(ENOLCK, "too many locks on this file");
    }
  }
  std::erase_if(held_, gone);
  for (const HeldLock& piece : pieces) {
    auto at = std::upper_bound(
        held_.begin(), held_.end(), piece,
        [](const HeldLock& a, const HeldLock& b) { return a.lock.start < b.lock.start; });
    held_.insert(at, piece);
  }
  return {};
}

}  // namespace cairn::vfs
