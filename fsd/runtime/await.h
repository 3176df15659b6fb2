#pragma once

// What coroutines of the core wait on. Threads: core only, but for the callbacks that say
// otherwise.

#include <coroutine>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "fsd/base/check.h"
#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/runtime/runtime.h"

namespace cairn {

/// A value that arrives once; one coroutine may wait for it. set() resumes it on the spot.
template <class T>
class OneShot {
 public:
  void set(T value) {
    CHECK(!value_);
    value_.emplace(std::move(value));
    if (auto waiter = std::exchange(waiter_, {})) waiter.resume();
  }
  [[nodiscard]] bool is_set() const { return value_.has_value(); }
  bool await_ready() const noexcept { return value_.has_value(); }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { waiter_ = waiter; }
  T await_resume() { return std::move(*value_); }

 private:
  std::optional<T> value_;
  std::coroutine_handle<> waiter_;
};

/// Any number of coroutines wait until somebody calls notify_all(), then look again.
class Condition {
 public:
  /// Resumes, on the spot, all that wait now.
  void notify_all() {
    std::vector<std::coroutine_handle<>> waiters;
    waiters.swap(waiters_);
    for (auto waiter : waiters) waiter.resume();
  }

  auto wait() {
    struct Awaiter {
      Condition& condition;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> waiter) { condition.waiters_.push_back(waiter); }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this};
  }

 private:
  std::vector<std::coroutine_handle<>> waiters_;
};

/// Waits in the core for at least `duration`.
class SleepFor {
 public:
  SleepFor(Timers& timers, Duration duration) : timers_(timers), duration_(duration) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    timers_.schedule(duration_, [waiter] { waiter.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  Timers& timers_;
  Duration duration_;
};

/// co_await RunOn(executor, core, [..] { return value; }): runs the function there, goes on in the
/// core with its value. The function must not touch the core's state.
template <class F>
class RunOn {
  using Value = std::invoke_result_t<F&>;

 public:
  RunOn(Executor& executor, Strand& core, F function)
      : executor_(executor), core_(core), function_(std::move(function)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    executor_.post([this, waiter] {
      value_.emplace(function_());
      core_.dispatch([waiter] { waiter.resume(); });
    });
  }
  Value await_resume() { return std::move(*value_); }

 private:
  Executor& executor_;
  Strand& core_;
  F function_;
  std::optional<Value> value_;
};

/// co_await FromCallback<T>(core, [&](std::move_only_function<void(T)> done) { ... }): the starter
/// is called at once; `done` may be called once, later or at once, on any thread.
template <class T, class Starter>
class FromCallbackAwaiter {
 public:
  FromCallbackAwaiter(Strand& core, Starter starter) : core_(core), starter_(std::move(starter)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    starter_([this, waiter](T value) {
      value_.emplace(std::move(value));
      core_.dispatch([waiter] { waiter.resume(); });
    });
  }
  T await_resume() { return std::move(*value_); }

 private:
  Strand& core_;
  Starter starter_;
  std::optional<T> value_;
};

template <class T, class Starter>
auto FromCallback(Strand& core, Starter starter) {
  return FromCallbackAwaiter<T, Starter>(core, std::move(starter));
}

/// Awaits every one of these Tasks, which run side by side already. Fails with an error of one that
/// failed.
inline Task<Result<void>> await_all(std::vector<Task<Result<void>>> tasks) {
  Result<void> all;
  for (auto& task : tasks) {
    Result<void> done = co_await task;
    if (!done) all = std::move(done);
  }
  co_return all;
}

/// One more in `count` for as long as it lives: who waits, for status.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::size_t& count_;
};

/// Counts what is under way, so that a component's stop() can wait for it.
class Gate {
 public:
  /// False once closing: the caller must not begin.
  [[nodiscard]] bool enter() {
    if (closing_) return false;
    ++inside_;
    return true;
  }
  void leave() {
    CHECK(inside_ > 0);
    if (--inside_ == 0 && closing_) empty_.notify_all();
  }
  [[nodiscard]] bool closing() const { return closing_; }
  /// Lets nobody in any more and waits until the last has left.
  Task<> close() {
    closing_ = true;
    while (inside_ > 0) co_await empty_.wait();
  }

 private:
  std::size_t inside_ = 0;
  bool closing_ = false;
  Condition empty_;
};

}  // namespace cairn
