#include "fsd/runtime/strand.h"

#include <utility>

namespace cairn {

void Strand::dispatch(Work work, int drain_max) {
  {
    std::lock_guard lock(mutex_);
    if (busy_) {
      queue_.push_back(std::move(work));
      return;
    }
    busy_ = true;
  }
  owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  work();
  work = nullptr;
  drain(drain_max);
}

void Strand::post(Work work) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    if (busy_) return;
    busy_ = true;
  }
  backstop_.post([this] { run_backstop(); });
}

void Strand::run_backstop() {
  owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  drain(kDrainMax);
}

/// Called inside; leaves the strand.
void Strand::drain(int drain_max) {
  for (int ran = 0;; ++ran) {
    Work work;
    {
      std::lock_guard lock(mutex_);
      if (queue_.empty() || ran >= drain_max) {
        owner_.store(std::thread::id(), std::memory_order_relaxed);
        busy_ = !queue_.empty();
        if (!busy_) return;
        break;
      }
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
  backstop_.post([this] { run_backstop(); });
}

}  // namespace cairn
