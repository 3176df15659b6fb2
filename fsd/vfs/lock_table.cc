#include "fsd/vfs/lock_table.h"

namespace cairn::vfs {
namespace {

Task<Result<void>> invalid() { co_return errno_error(EINVAL, "a lock that ends before it begins"); }

}  // namespace

Result<RangeLock> LockTable::test(Ino ino, RangeLock lock) const {
  if (lock.start > lock.end) return errno_error(EINVAL, "a lock that ends before it begins");
  const HeldLock* held = ranges_.find_conflict(ino, lock);
  if (held != nullptr) return held->lock;
  lock.type = LockType::kUnlock;
  return lock;
}

Task<Result<void>> LockTable::set(Ino ino, HandleId handle, RangeLock lock, bool wait,
                                  std::uint64_t token) {
  if (lock.start > lock.end) return invalid();
  if (grace_.is_running() && lock.type != LockType::kUnlock) {
    return set_after_grace(ino, {lock, handle}, wait, token);
  }
  return ranges_.set(ino, {lock, handle}, wait, token);
}

Task<Result<void>> LockTable::set_after_grace(Ino ino, HeldLock wanted, bool wait,
                                              std::uint64_t token) {
  CO_TRY_OK(co_await grace_.pass(wanted.handle, wanted.lock.owner.client, wait, token));
  co_return co_await ranges_.set(ino, wanted, wait, token);
}

Result<void> LockTable::reclaim(Ino ino, HandleId handle, RangeLock lock) {
  if (lock.start > lock.end) return errno_error(EINVAL, "a lock that ends before it begins");
  return ranges_.set_now(ino, {lock, handle});
}

std::vector<RangeLock> LockTable::held(Ino ino, LockOwner owner, HandleId except) const {
  return ranges_.held(ino, owner, except);
}

Task<Result<void>> LockTable::set_flock(Ino ino, HandleId handle, LockOwner owner, LockType type,
                                        bool wait, std::uint64_t token) {
  const RangeLock whole{type, 0, UINT64_MAX, owner, 0};
  const LockType before = flocks_.held_type(ino, owner);
  if (before == type) co_return Result<void>();
  if (type != LockType::kUnlock) {
    CO_TRY_OK(co_await grace_.pass(handle, owner.client, wait, token));
  }
  if (before != LockType::kUnlock && type != LockType::kUnlock) {
    RangeLock unlock = whole;
    unlock.type = LockType::kUnlock;
    CO_TRY_OK(co_await flocks_.set(ino, {unlock, handle}, false, 0));
  }
  co_return co_await flocks_.set(ino, {whole, handle}, wait, token);
}

void LockTable::cancel_wait(std::uint64_t token) {
  grace_.cancel(token);
  ranges_.cancel_wait(token);
  flocks_.cancel_wait(token);
}
void LockTable::drop_owner(Ino ino, LockOwner owner) { ranges_.drop_owner(ino, owner); }
void LockTable::drop_handle(Ino ino, HandleId handle) {
  grace_.drop_handle(handle);
  ranges_.drop_handle(ino, handle);
  flocks_.drop_handle(ino, handle);
}
void LockTable::drop_client(std::uint64_t client) {
  grace_.drop_client(client);
  ranges_.drop_client(client);
  flocks_.drop_client(client);
}

}  // namespace cairn::vfs
