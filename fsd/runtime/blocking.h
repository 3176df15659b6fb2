#pragma once

#include <future>
#include <type_traits>

#include "fsd/base/task.h"
#include "fsd/runtime/strand.h"

namespace cairn {

namespace detail {
template <class T>
Task<> fulfil(Task<T> task, std::promise<T>& promise) {
  promise.set_value(co_await task);
}
inline Task<> fulfil(Task<void> task, std::promise<void>& promise) {
  co_await task;
  promise.set_value();
}
}  // namespace detail

/// run_blocking(core, [&] { return operation(); }): begins the operation in the core and blocks
/// this thread until it is done. For starting and stopping a program; never from a thread that the
/// operation may need.
template <class F>
auto run_blocking(Strand& core, F start) {
  using T = decltype(std::declval<std::invoke_result_t<F&>>().take());
  std::promise<T> promise;
  auto future = promise.get_future();
  core.dispatch([&] { detail::fulfil(start(), promise).detach(); });
  return future.get();
}

/// Runs a plain function in the core and blocks this thread until it has returned.
/// For starting and stopping a program, as run_blocking().
template <class F>
void call_blocking(Strand& core, F work) {
  std::promise<void> done;
  auto future = done.get_future();
  core.dispatch([&] {
    work();
    done.set_value();
  });
  future.get();
}

}  // namespace cairn
