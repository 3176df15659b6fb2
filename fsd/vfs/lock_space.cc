#include "fsd/vfs/lock_space.h"

#include <iterator>
#include <set>
#include <utility>

#include "fsd/base/check.h"

// Fairness. Who has to wait queues per inode, in the order of arrival, and whoever comes later and
// is willing to wait does not pass one that he conflicts with, so that a stream of readers cannot
// keep a writer out for ever. (Who is not willing to wait only asks whether the lock is free, as
// fcntl(2) says.) So a waiter is held up by two kinds of others:
//
//   hard: the owners of locks that conflict with what it wants;
//   soft: the owners of earlier waiters in its queue that conflict with what it wants.
//
// Deadlocks. An owner waits for an owner if any of its waiters is held up by him. A loop of hard
// edges is a real deadlock: the request that would close it gets EDEADLK. A loop with a soft edge
// is our own making: without the queue, the waiter at that edge could have had its lock. When
// such a waiter has no hard edges (left), it may pass the queue. When it has some, nothing is lost
// by waiting: those who hold it up hard do so in their own right, and when the last of them is
// gone (`hard` turns false) it is looked at again.
//
// When edges appear: a loop must lead through the new edge. A new waiter's edges begin at it, so
// only loops through it are new. A granted lock adds edges that end at its owner, so there are new
// loops only if that owner waits as well (in another thread). Then, and only then, all waiters are
// looked at, which is dear and rare. (A hard loop that closes in this last way is not reported, as
// on Linux: EDEADLK answers the request that would wait, never one that waits already.)
//
// Waking. State is brought in order first and the waiters' Tasks are resumed afterwards, since what
// they do next may well be to call here again.

namespace cairn::vfs {

const HeldLock* LockSpace::find_conflict(Ino ino, const RangeLock& wanted) const {
  auto found = inodes_.find(ino);
  return found == inodes_.end() ? nullptr : found->second.held.find_conflict(wanted);
}

LockType LockSpace::held_type(Ino ino, LockOwner owner) const {
  auto found = inodes_.find(ino);
  if (found == inodes_.end()) return LockType::kUnlock;
  for (const HeldLock& held : found->second.held.held()) {
    if (held.lock.owner == owner) return held.lock.type;
  }
  return LockType::kUnlock;
}

std::vector<RangeLock> LockSpace::held(Ino ino, LockOwner owner, HandleId except) const {
  std::vector<RangeLock> locks;
  auto found = inodes_.find(ino);
  if (found == inodes_.end()) return locks;
  for (const HeldLock& held : found->second.held.held()) {
    if (held.lock.owner == owner && held.handle != except) locks.push_back(held.lock);
  }
  return locks;
}

Task<Result<void>> LockSpace::set(Ino ino, HeldLock wanted, bool wait, std::uint64_t token) {
  const bool unlock = wanted.lock.type == LockType::kUnlock;
  if (wait && !unlock) {
    auto found = inodes_.find(ino);
    const bool waits =
        found != inodes_.end() && (found->second.held.find_conflict(wanted.lock) != nullptr ||
                                   overtakes(found->second, wanted.lock, nullptr));
    if (waits) co_return co_await wait_for(ino, wanted, token);
  }
  co_return set_now(ino, wanted);
}

Result<void> LockSpace::set_now(Ino ino, HeldLock wanted) {
  const bool unlock = wanted.lock.type == LockType::kUnlock;
  if (unlock && !inodes_.contains(ino)) return {};
  Inode& inode = inodes_[ino];
  if (inode.held.find_conflict(wanted.lock) != nullptr) {
    return errno_error(EAGAIN, "locked by another");
  }
  Result<void> result = inode.held.set(wanted);
  Ended ended;
  finish(ino, ended);
  if (waiting_.contains(wanted.lock.owner)) settle_loops(ended);
  for (auto& [waiter, outcome] : ended) waiter->done.set(std::move(outcome));
  return result;
}

Task<Result<void>> LockSpace::wait_for(Ino ino, HeldLock wanted, std::uint64_t token) {
  Inode& inode = inodes_[ino];
  if (inode.queue.size() >= kLockWaitersMax) co_return errno_error(ENOLCK, "too many wait");
  const bool hard = inode.held.find_conflict(wanted.lock) != nullptr;
  Waiter waiter{ino, wanted, token, hard, 0, {}};
  inode.queue.push_back(&waiter);
  waiting_.emplace(wanted.lock.owner, &waiter);
  if (detect_ && waits_for_itself(waiter, false)) {
    remove(waiter);
    co_return errno_error(EDEADLK, "waiting would never end");
  }
  if (waits_for_itself(waiter, true)) {
    Ended ended;
    settle_loops(ended);
    for (auto& [other, outcome] : ended) other->done.set(std::move(outcome));
  }
  co_return co_await waiter.done;
}

/// Whether there is a waiter before `self` (nullptr: anywhere in the queue) that conflicts.
bool LockSpace::overtakes(const Inode& inode, const RangeLock& wanted, const Waiter* self) {
  for (const Waiter* other : inode.queue) {
    if (other == self) return false;
    if (conflict(other->wanted.lock, wanted)) return true;
  }
  return false;
}

/// Whether the edges that begin at this waiter lead back to its owner.
bool LockSpace::waits_for_itself(Waiter& waiter, bool queues_too) {
  const LockOwner owner = waiter.wanted.lock.owner;
  const std::uint64_t search = ++searches_;
  std::vector<Waiter*> open{&waiter};
  waiter.seen = search;
  bool found = false;
  auto follow = [&](LockOwner to) {
    found = found || to == owner;
    auto [first, last] = waiting_.equal_range(to);
    for (auto at = first; at != last; ++at) {
      if (at->second->seen == search) continue;
      at->second->seen = search;
      open.push_back(at->second);
    }
  };
  while (!open.empty() && !found) {
    const Waiter& at = *open.back();
    open.pop_back();
    const Inode& inode = inodes_.at(at.ino);
    for (const HeldLock& held : inode.held.held()) {
      if (conflict(held.lock, at.wanted.lock)) follow(held.lock.owner);
    }
    if (!queues_too) continue;
    for (const Waiter* other : inode.queue) {
      if (other == &at) break;
      if (conflict(other->wanted.lock, at.wanted.lock)) follow(other->wanted.lock.owner);
    }
  }
  return found;
}

void LockSpace::grant(Waiter& waiter, Ended& ended) {
  Result<void> result = inodes_.at(waiter.ino).held.set(waiter.wanted);
  remove(waiter);
  ended.emplace_back(&waiter, std::move(result));
}

/// Grants what can be granted on this inode, in order. True if a new holder waits elsewhere.
bool LockSpace::settle(Ino ino, Ended& ended) {
  auto found = inodes_.find(ino);
  if (found == inodes_.end()) return false;
  Inode& inode = found->second;
  bool holder_waits = false;
  // Again while anything was granted: a grant may turn its owner's write lock into a read lock.
  for (bool again = true; again;) {
    again = false;
    for (auto at = inode.queue.begin(); at != inode.queue.end();) {
      Waiter& waiter = **at++;
      const RangeLock& wanted = waiter.wanted.lock;
      const bool was_hard = std::exchange(waiter.hard, inode.held.find_conflict(wanted) != nullptr);
      if (waiter.hard) continue;
      if (overtakes(inode, wanted, &waiter) && !(was_hard && waits_for_itself(waiter, true))) {
        continue;
      }
      const LockOwner owner = wanted.owner;
      grant(waiter, ended);
      again = true;
      holder_waits = holder_waits || waiting_.contains(owner);
    }
  }
  return holder_waits;
}

/// Lets those pass their queue whom only the queue holds up, in a loop.
void LockSpace::settle_loops(Ended& ended) {
  for (bool again = true; again;) {
    again = false;
    for (auto [owner, waiter] : waiting_) {
      const Inode& inode = inodes_.at(waiter->ino);
      if (inode.held.find_conflict(waiter->wanted.lock) != nullptr) continue;
      if (!waits_for_itself(*waiter, true)) continue;
      const Ino ino = waiter->ino;
      grant(*waiter, ended);
      settle(ino, ended);
      again = true;
      break;
    }
  }
}

void LockSpace::remove(Waiter& waiter) {
  inodes_.at(waiter.ino).queue.remove(&waiter);
  auto [first, last] = waiting_.equal_range(waiter.wanted.lock.owner);
  for (auto at = first; at != last; ++at) {
    if (at->second != &waiter) continue;
    waiting_.erase(at);
    return;
  }
  CHECK(false);
}

/// After locks or waiters went: grants what is free now.
void LockSpace::finish(Ino ino, Ended& ended) {
  if (settle(ino, ended)) settle_loops(ended);
  auto found = inodes_.find(ino);
  if (found != inodes_.end() && found->second.held.empty() && found->second.queue.empty()) {
    inodes_.erase(found);
  }
}

void LockSpace::end_waits(const std::function<bool(const Waiter&)>& which, Ended& ended) {
  std::vector<Waiter*> chosen;
  for (auto [owner, waiter] : waiting_) {
    if (which(*waiter)) chosen.push_back(waiter);
  }
  std::set<Ino> inodes;
  for (Waiter* waiter : chosen) {
    inodes.insert(waiter->ino);
    remove(*waiter);
    ended.emplace_back(waiter, errno_error(EINTR, "the wait for a lock was cancelled"));
  }
  for (Ino ino : inodes) finish(ino, ended);
}

void LockSpace::cancel_wait(std::uint64_t token) {
  if (token == 0) return;
  Ended ended;
  end_waits([token](const Waiter& waiter) { return waiter.token == token; }, ended);
  for (auto& [waiter, outcome] : ended) waiter->done.set(std::move(outcome));
}

void LockSpace::drop_owner(Ino ino, LockOwner owner) {
  auto found = inodes_.find(ino);
  if (found == inodes_.end()) return;
  if (!found->second.held.remove_if(
          [owner](const HeldLock& held) { return held.lock.owner == owner; })) {
    return;
  }
  Ended ended;
  finish(ino, ended);
  for (auto& [waiter, outcome] : ended) waiter->done.set(std::move(outcome));
}

void LockSpace::drop_handle(Ino ino, HandleId handle) {
  auto found = inodes_.find(ino);
  if (found == inodes_.end()) return;
  found->second.held.remove_if([handle](const HeldLock& held) { return held.handle == handle; });
  Ended ended;
  end_waits([&](const Waiter& w) { return w.ino == ino && w.wanted.handle == handle; }, ended);
  finish(ino, ended);
  for (auto& [waiter, outcome] : ended) waiter->done.set(std::move(outcome));
}

void LockSpace::drop_client(std::uint64_t client) {
  std::vector<Ino> touched;
  for (auto& [ino, inode] : inodes_) {
    if (inode.held.remove_if(
            [client](const HeldLock& held) { return held.lock.owner.client == client; })) {
      touched.push_back(ino);
    }
  }
  Ended ended;
  end_waits([client](const Waiter& w) { return w.wanted.lock.owner.client == client; }, ended);
  for (Ino ino : touched) finish(ino, ended);
  for (auto& [waiter, outcome] : ended) waiter->done.set(std::move(outcome));
}

}  // namespace cairn::vfs
