#include "fsd/runtime/strand.h"

#include <utility>

namespace cairn {

void Strand::dispatch(Work work) {
  {
    std::lock_guard lock(mutex_);
    if (busy_) {
      queue_.push_back(std::move(work));
      return;
    }
    busy_ = true;
  }
  drain(std::move(work));
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
  drain([] {});
}

void Strand::drain(Work first) {
  owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  first();
  first = nullptr;
  int ran = 0;
  std::vector<Work> batch;
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (queue_.empty()) {
        owner_.store(std::thread::id(), std::memory_order_relaxed);
        busy_ = false;
        return;
      }
      if (ran >= kDrainMax) {
        owner_.store(std::thread::id(), std::memory_order_relaxed);
        break;  // stays busy: the backstop goes on
      }
      batch.swap(queue_);
    }
    for (Work& work : batch) {
      work();
      work = nullptr;
      ++ran;
    }
    batch.clear();
  }
  backstop_.post([this] { run_backstop(); });
}

}  // namespace cairn
