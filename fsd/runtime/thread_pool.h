#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "fsd/runtime/runtime.h"

namespace cairn {

/// Threads that take work from one queue, in order.
/// Lifetime: stop() before it goes; it drops what is queued then.   Threads: post() on any.
class ThreadPool final : public Executor {
 public:
  /// `name` is the threads', and outlives them.
  ThreadPool(int threads, const char* name);
  void post(Work work) override;
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Work> queue_;  // guarded by mutex_
  bool stopped_ = false;    // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace cairn
