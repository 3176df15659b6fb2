#include "fsd/vfs/vfs_parts.h"

namespace cairn::vfs {

Task<Result<void>> Vfs::flush(HandleId handle, LockOwner owner) {
  CO_TRY(const OpenFile file, parts_->handles.get(handle));
  parts_->locks.drop_owner(file.ino, owner);
  co_return Result<void>();
}

Task<Result<RangeLock>> Vfs::test_lock(HandleId handle, RangeLock lock) {
  CO_TRY(const OpenFile file, parts_->handles.get(handle));
  co_return parts_->locks.test(file.ino, lock);
}

Task<Result<void>> Vfs::set_lock(HandleId handle, RangeLock lock, bool wait, std::uint64_t token) {
  CO_TRY(const OpenFile file, parts_->handles.get(handle));
  co_return co_await parts_->locks.set(file.ino, handle, lock, wait, token);
}

Task<Result<void>> Vfs::set_flock(HandleId handle, LockOwner owner, LockType type, bool wait,
                                  std::uint64_t token) {
  CO_TRY(const OpenFile file, parts_->handles.get(handle));
  co_return co_await parts_->locks.set_flock(file.ino, handle, owner, type, wait, token);
}

void Vfs::hold_locks() { parts_->locks.grace().begin(); }
void Vfs::release_locks() { parts_->locks.grace().end(); }

Result<void> Vfs::reclaim_lock(HandleId handle, RangeLock lock) {
  TRY(const OpenFile file, parts_->handles.get(handle));
  return parts_->locks.reclaim(file.ino, handle, lock);
}

std::vector<RangeLock> Vfs::held_locks(Ino ino, LockOwner owner, HandleId except) const {
  return parts_->locks.held(ino, owner, except);
}

void Vfs::cancel_lock_wait(std::uint64_t token) { parts_->locks.cancel_wait(token); }

void Vfs::drop_client(std::uint64_t client) {
  parts_->locks.drop_client(client);
  for (const HandleId handle : parts_->handles.of_client(client)) {
    auto file = parts_->handles.get(handle);
    if (file) (void)parts_->release(handle, file->directory);
  }
}

}  // namespace cairn::vfs
