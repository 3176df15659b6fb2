#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>

#include "fsd/frontends/fuse/convert.h"
#include "fsd/frontends/fuse/handlers.h"
#include "fsd/runtime/await.h"

namespace cairn::fuse {
namespace {

using vfs::HandleId;
using vfs::LockOwner;
using vfs::RangeLock;

Task<> do_getlk(Request request, HandleId handle, RangeLock lock) {
  auto conflict = co_await request.door().vfs.test_lock(handle, lock);
  if (conflict) {
    request.lock(*conflict);
  } else {
    request.error(conflict.error());
  }
}

// The kernel sends RELEASE without waiting for it, and it may come by another thread than what the
// closing process does next. So a lock that was let go of by close() may still be held here for a
// moment: a request that would be refused is tried again after these pauses.
constexpr Duration kReleasePauses[] = {std::chrono::milliseconds(1), std::chrono::milliseconds(2),
                                       std::chrono::milliseconds(4)};

bool is_refused(const Result<void>& result) {
  return !result && to_errno(result.error()) == EAGAIN;
}

Task<> do_setlk(Request request, HandleId handle, RangeLock lock) {
  auto result = co_await request.door().vfs.set_lock(handle, lock, false, 0);
  for (const Duration pause : kReleasePauses) {
    if (!is_refused(result)) break;
    co_await SleepFor(request.door().timers, pause);
    result = co_await request.door().vfs.set_lock(handle, lock, false, 0);
  }
  request.done(result);
}

Task<> do_setlkw(Request request, HandleId handle, RangeLock lock, std::uint64_t unique) {
  Door& door = request.door();
  if (door.lock_waits.interrupted(unique)) {
    door.lock_waits.end(unique);
    request.error(EINTR);
    co_return;
  }
  auto result = co_await door.vfs.set_lock(handle, lock, true, unique);
  door.lock_waits.end(unique);
  request.done(result);
}

Task<> do_flock(Request request, HandleId handle, LockOwner owner, vfs::LockType type) {
  auto result = co_await request.door().vfs.set_flock(handle, owner, type, false, 0);
  for (const Duration pause : kReleasePauses) {
    if (!is_refused(result)) break;
    co_await SleepFor(request.door().timers, pause);
    result = co_await request.door().vfs.set_flock(handle, owner, type, false, 0);
  }
  request.done(result);
}

Task<> do_flock_wait(Request request, HandleId handle, LockOwner owner, vfs::LockType type,
                     std::uint64_t unique) {
  Door& door = request.door();
  if (door.lock_waits.interrupted(unique)) {
    door.lock_waits.end(unique);
    request.error(EINTR);
    co_return;
  }
  auto result = co_await door.vfs.set_flock(handle, owner, type, true, unique);
  door.lock_waits.end(unique);
  request.done(result);
}

LockOwner owner_of(fuse_req_t request, const fuse_file_info* info) {
  return LockOwner{door_of(request).client, info->lock_owner};
}

/// The ring that this callback runs for: libfuse pins one thread per ring to its CPU.
std::size_t lane_of([[maybe_unused]] fuse_req_t request) {
#if CAIRN_FUSE_IO_URING
  if (fuse_req_is_uring(request)) return static_cast<std::size_t>(std::max(sched_getcpu(), 0));
#endif
  return 0;
}

bool begin_wait(fuse_req_t request, RequestKind kind, std::uint64_t unique) {
  Door& door = door_of(request);
  if (door.lock_waits.begin(unique, lane_of(request))) return true;
  Request(door, request, kind).error(ENOLCK);
  return false;
}

void on_getlk(fuse_req_t request, fuse_ino_t, fuse_file_info* info, struct flock* lock) {
  enter(request, RequestKind::kGetlk, do_getlk, HandleId(info->fh),
        to_range_lock(*lock, owner_of(request, info)));
}

void on_setlk(fuse_req_t request, fuse_ino_t, fuse_file_info* info, struct flock* lock, int wait) {
  const RangeLock range = to_range_lock(*lock, owner_of(request, info));
  if (wait == 0 || range.type == vfs::LockType::kUnlock) {
    enter(request, RequestKind::kSetlk, do_setlk, HandleId(info->fh), range);
    return;
  }
  const std::uint64_t unique = unique_of(request);
  if (!begin_wait(request, RequestKind::kSetlk, unique)) return;
  enter(request, RequestKind::kSetlk, do_setlkw, HandleId(info->fh), range, unique);
}

void on_flock(fuse_req_t request, fuse_ino_t, fuse_file_info* info, int operation) {
  const LockOwner owner = owner_of(request, info);
  const HandleId handle(info->fh);
  const bool wait = (operation & LOCK_NB) == 0;
  const int wanted = operation & ~LOCK_NB;
  const vfs::LockType type = wanted == LOCK_SH   ? vfs::LockType::kRead
                             : wanted == LOCK_EX ? vfs::LockType::kWrite
                                                 : vfs::LockType::kUnlock;
  if (!wait || type == vfs::LockType::kUnlock) {
    enter(request, RequestKind::kFlock, do_flock, handle, owner, type);
    return;
  }
  const std::uint64_t unique = unique_of(request);
  if (!begin_wait(request, RequestKind::kFlock, unique)) return;
  enter(request, RequestKind::kFlock, do_flock_wait, handle, owner, type, unique);
}

}  // namespace

void add_lock_handlers(fuse_lowlevel_ops& ops) {
  ops.getlk = on_getlk;
  ops.setlk = on_setlk;
  ops.flock = on_flock;
}

}  // namespace cairn::fuse
