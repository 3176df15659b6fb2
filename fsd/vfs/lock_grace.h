#pragma once

#include <cstdint>
#include <functional>
#include <list>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/runtime/await.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

/// Who wants a lock while those who held locks before a crash may still come back for them. One who
/// will not wait is told that somebody holds it, which may well be so.
/// Lifetime: outlives its Tasks.   Threads: core only. A waiting Task is resumed inside the call
/// that ended its wait.
/// Fails with: EAGAIN, EINTR, ENOLCK.
class LockGrace {
 public:
  void begin() { running_ = true; }
  void end();
  [[nodiscard]] bool is_running() const { return running_; }

  /// Returns when there is no grace, or never was.
  Task<Result<void>> pass(HandleId handle, std::uint64_t client, bool wait, std::uint64_t token);
  // These end waits with EINTR.
  void cancel(std::uint64_t token);
  void drop_handle(HandleId handle);
  void drop_client(std::uint64_t client);

 private:
  struct Waiter {
    HandleId handle;
    std::uint64_t client = 0;
    std::uint64_t token = 0;
    OneShot<Result<void>> done;
  };
  void end_waits(const std::function<bool(const Waiter&)>& which, const Result<void>& outcome);

  static constexpr std::size_t kWaitersMax = 16384;
  bool running_ = false;
  std::list<Waiter*> waiters_;
};

}  // namespace cairn::vfs
