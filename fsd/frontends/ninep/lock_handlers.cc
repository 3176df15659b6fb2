#include <cerrno>

#include "fsd/frontends/ninep/handlers.h"

// Byte-range locks. A lock belongs to a process of the client: its number, and the name by which
// the client calls itself. Linux sends flock(2) as a lock on the whole file.

namespace cairn::p9 {
namespace {

using vfs::RangeLock;

Result<RangeLock> to_range(Call& call, std::uint8_t type, std::uint64_t start, std::uint64_t length,
                           std::uint32_t proc_id, std::string_view client_id) {
  RangeLock lock{
      .type = vfs::LockType::kUnlock,
      .start = start,
      .owner = {.client = call.session().client, .owner = lock_owner(client_id, proc_id)},
      .pid = proc_id};
  switch (LockType{type}) {
    case LockType::kRead:
      lock.type = vfs::LockType::kRead;
      break;
    case LockType::kWrite:
      lock.type = vfs::LockType::kWrite;
      break;
    case LockType::kUnlock:
      break;
    default:
      return errno_error(EINVAL, "a type of lock that there is not");
  }
  if (length == 0) return lock;
  if (length - 1 > UINT64_MAX - start) return errno_error(EOVERFLOW);
  lock.end = start + (length - 1);
  return lock;
}

LockType to_type(vfs::LockType type) {
  switch (type) {
    case vfs::LockType::kRead:
      return LockType::kRead;
    case vfs::LockType::kWrite:
      return LockType::kWrite;
    case vfs::LockType::kUnlock:
      break;
  }
  return LockType::kUnlock;
}

Result<FidRef> open_fid(Call& call, std::uint32_t number) {
  TRY(FidRef fid, call.fid(number));
  if (fid->kind() != Fid::Kind::kFile && fid->kind() != Fid::Kind::kDirectory) {
    return errno_error(EBADF, "the fid is not open");
  }
  return fid;
}

Result<void> reply_status(Call& call, LockStatus status) {
  return call.reply(Rlock{.status = static_cast<std::uint8_t>(status)});
}

}  // namespace

std::uint64_t lock_owner(std::string_view client_id, std::uint32_t proc_id) {
  // Two owners of one client that fall together harm that client alone.
  return (vfs::sip_hash({}, client_id) << 32U) | proc_id;
}

Task<Result<void>> handle(Call& call, const Tlock& request) {
  CO_TRY(const FidRef fid, open_fid(call, request.fid));
  CO_TRY(const RangeLock lock, to_range(call, request.type, request.start, request.length,
                                        request.proc_id, request.client_id));
  SessionState& session = call.session();
  const bool wants_to_wait =
      (request.flags & kLockBlock) != 0 && lock.type != vfs::LockType::kUnlock;
  // Who may not wait here asks again after a while (Linux: 30 s).
  const bool waits = wants_to_wait && session.lock_waits < call.door().limits.lock_waits_max;
  session.lock_waits += waits ? 1 : 0;
  const Result<void> result =
      co_await call.vfs().set_lock(fid->handle(), lock, waits, call.token());
  session.lock_waits -= waits ? 1 : 0;
  if (result) co_return reply_status(call, LockStatus::kSuccess);
  if (to_errno(result.error()) == EAGAIN) co_return reply_status(call, LockStatus::kBlocked);
  co_return result;
}

Task<Result<void>> handle(Call& call, const Tgetlock& request) {
  CO_TRY(const FidRef fid, open_fid(call, request.fid));
  CO_TRY(const RangeLock lock, to_range(call, request.type, request.start, request.length,
                                        request.proc_id, request.client_id));
  CO_TRY(const RangeLock found, co_await call.vfs().test_lock(fid->handle(), lock));
  const bool is_free = found.type == vfs::LockType::kUnlock;
  const bool is_own = found.owner.client == call.session().client;
  const std::uint64_t length = found.end == UINT64_MAX ? 0 : found.end - found.start + 1;
  co_return call.reply(Rgetlock{.type = static_cast<std::uint8_t>(to_type(found.type)),
                                .start = is_free ? request.start : found.start,
                                .length = is_free ? request.length : length,
                                .proc_id = is_free ? request.proc_id : found.pid,
                                .client_id = is_free || is_own ? request.client_id : "other"});
}

}  // namespace cairn::p9
