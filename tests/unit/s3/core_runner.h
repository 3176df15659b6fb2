#pragma once

#include <future>
#include <utility>

#include "fsd/base/task.h"
#include "fsd/runtime/real_runtime.h"

namespace cairn::testing {

template <class T>
Task<> hand_over(Task<T> task, std::promise<T>& out) {
  T value = co_await task;
  out.set_value(std::move(value));
}
inline Task<> hand_over_nothing(Task<> task, std::promise<void>& out) {
  co_await task;
  out.set_value();
}

/// Calls `make` in the core and waits, on this thread, for the Task that it returns.
template <class F>
auto run_in_core(Strand& core, F make) {
  using T = decltype(make().take());
  std::promise<T> out;
  auto future = out.get_future();
  core.dispatch([&make, &out] {
    if constexpr (std::is_void_v<T>) {
      hand_over_nothing(make(), out).detach();
    } else {
      hand_over(make(), out).detach();
    }
  });
  return future.get();
}

}  // namespace cairn::testing
