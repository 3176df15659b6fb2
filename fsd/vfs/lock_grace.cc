#include "fsd/vfs/lock_grace.h"

#include <cerrno>

namespace cairn::vfs {

Task<Result<void>> LockGrace::pass(HandleId handle, std::uint64_t client, bool wait,
                                   std::uint64_t token) {
  if (!running_) co_return Result<void>();
  if (!wait) co_return errno_error(EAGAIN, "its holder may come back for it");
  if (waiters_.size() >= kWaitersMax) co_return errno_error(ENOLCK, "too many wait");
  Waiter waiter{.handle = handle, .client = client, .token = token, .done = {}};
  waiters_.push_back(&waiter);
  co_return co_await waiter.done;
}

void LockGrace::end() {
  running_ = false;
  end_waits([](const Waiter&) { return true; }, {});
}

void LockGrace::cancel(std::uint64_t token) {
  end_waits([token](const Waiter& waiter) { return waiter.token == token; }, errno_error(EINTR));
}

void LockGrace::drop_handle(HandleId handle) {
  end_waits([handle](const Waiter& waiter) { return waiter.handle == handle; }, errno_error(EINTR));
}

void LockGrace::drop_client(std::uint64_t client) {
  end_waits([client](const Waiter& waiter) { return waiter.client == client; }, errno_error(EINTR));
}

void LockGrace::end_waits(const std::function<bool(const Waiter&)>& which,
                          const Result<void>& outcome) {
  std::list<Waiter*> ended;
  for (auto at = waiters_.begin(); at != waiters_.end();) {
    const auto next = std::next(at);
    if (which(**at)) ended.splice(ended.end(), waiters_, at);
    at = next;
  }
  for (Waiter* waiter : ended) waiter->done.set(outcome);  // which ends it
}

}  // namespace cairn::vfs
