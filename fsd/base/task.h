#pragma once

// Task: the coroutine of the core.
//
// A Task starts when it is called and runs until it first has to wait, so an operation that need
// not wait is a plain call that happens to allocate a frame. Awaiting a finished Task does not
// suspend (which also keeps a loop over a million ready Tasks from growing the stack). A Task that
// had to wait is resumed by whoever brings what it waited for, inside the core.
//
// Threads: one strand for the whole life of a Task (the core); nothing here is atomic.

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "fsd/base/check.h"

namespace cairn {

template <class T = void>
class Task;

namespace detail {

struct TaskPromiseBase {
  std::coroutine_handle<> continuation;
  bool detached = false;

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
      TaskPromiseBase& promise = self.promise();
      if (promise.continuation) return promise.continuation;
      if (promise.detached) self.destroy();
      return std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  std::suspend_never initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return std::move(*value); }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void take() {}
};

}  // namespace detail

/// A coroutine's result to come. Await it once, or detach() it; dropping one that still runs is a
/// programmer's error.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (!handle_) return;
    CHECK(handle_.done());
    handle_.destroy();
  }

  [[nodiscard]] bool done() const { return handle_.done(); }
  /// The value of a Task that is done().
  T take() { return handle_.promise().take(); }
  /// Lets it run on by itself; its result is dropped.
  void detach() && {
    Handle handle = std::exchange(handle_, {});
    if (handle.done()) {
      handle.destroy();
    } else {
      handle.promise().detached = true;
    }
  }

  bool await_ready() const noexcept { return handle_.done(); }
  void await_suspend(std::coroutine_handle<> waiter) noexcept {
    handle_.promise().continuation = waiter;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  Handle handle_;
};

namespace detail {
template <class T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}
}  // namespace detail

}  // namespace cairn
