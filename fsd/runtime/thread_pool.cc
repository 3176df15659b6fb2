#include "fsd/runtime/thread_pool.h"

#include <pthread.h>

#include <utility>

namespace cairn {

ThreadPool::ThreadPool(int threads, const char* name) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] {
      pthread_setname_np(pthread_self(), name);
      run();
    });
  }
}

void ThreadPool::post(Work work) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    queue_.push_back(std::move(work));
  }
  ready_.notify_one();
}

void ThreadPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  ready_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  queue_.clear();
}

void ThreadPool::run() {
  for (;;) {
    Work work;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
      if (stopped_) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace cairn
