#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace cairn {

using Work = std::move_only_function<void()>;

/// Where work may be run later: a pool of threads, an io thread, or the simulator.
/// Threads: post() from any.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(Work work) = 0;
};

/// Runs one piece of work at a time, on whichever thread brought it: dispatch() runs it on the spot
/// when the strand is free and otherwise leaves it to the thread that is inside. So state that is
/// only touched from a strand needs no lock, and a request that finds the strand free wakes nobody.
///
/// A thread that drains for others hands the rest over to `backstop` after kDrainMax pieces, or
/// fewer if it says so, since it may hold something that others wait for (a FUSE ring's lock, or
/// another strand).
///
/// Lifetime: must outlive all work dispatched to it.   Threads: any.
class Strand {
 public:
  static constexpr int kDrainMax = 64;

  explicit Strand(Executor& backstop) : backstop_(backstop) {}
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  /// Runs `work` now if the strand is free, and then no more than `drain_max` pieces that others
  /// have queued meanwhile; else queues it. From inside the strand it is queued, and runs when what
  /// is running now has ended.
  void dispatch(Work work, int drain_max = kDrainMax);
  /// Queues `work`; never runs it before post() returns.
  void post(Work work);
  /// True on the thread that is inside the strand now.
  [[nodiscard]] bool inside() const {
    return owner_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }

 private:
  void drain(int drain_max);
  void run_backstop();

  Executor& backstop_;
  std::mutex mutex_;
  std::deque<Work> queue_;  // guarded by mutex_
  bool busy_ = false;       // guarded by mutex_: somebody runs, or the backstop was asked to
  std::atomic<std::thread::id> owner_{};
};

}  // namespace cairn
