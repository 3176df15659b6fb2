#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "fsd/base/task.h"
#include "fsd/object_store/object_store.h"
#include "fsd/runtime/real_runtime.h"
#include "fsd/runtime/runtime.h"
#include "tests/support/sim_runtime.h"

namespace cairn::object_store::testing {

/// A store for the contract suite together with what it runs on. Empty when it is made.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual ObjectStore& store() = 0;
  virtual Strand& core() = 0;

  /// Begins an operation in the core and waits for its end: wait([&] { return store.get(...); }).
  template <class F>
  auto wait(F start) {
    using Value = decltype(start().take());
    auto promise = std::make_shared<std::promise<Value>>();
    std::future<Value> future = promise->get_future();
    core().dispatch([&start, promise] { pass_on(start(), promise).detach(); });
    while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) step();
    return future.get();
  }

  // The four operations, waited for.
  Result<Object> get(std::string key, ByteRange range = {}) {
    return wait([&] { return store().get(key, range); });
  }
  Result<std::string> put(std::string key, std::string body, PutCondition condition = {}) {
    return wait([&] { return store().put(key, SharedBytes::from(body), condition); });
  }
  Result<void> remove(std::string key) {
    return wait([&] { return store().remove(key); });
  }
  Result<ListPage> list(std::string prefix, std::string start_after = "",
                        std::uint32_t limit = 1000) {
    return wait([&] { return store().list(prefix, start_after, limit); });
  }

 protected:
  /// Lets something happen, or waits a little for it to.
  virtual void step() = 0;

 private:
  template <class T>
  static Task<> pass_on(Task<T> task, std::shared_ptr<std::promise<T>> promise) {
    promise->set_value(co_await std::move(task));
  }
};

/// On virtual time.
class SimStoreUnderTest : public StoreUnderTest {
 public:
  explicit SimStoreUnderTest(std::uint64_t seed = 1) : sim_(seed) {}
  Strand& core() override { return sim_.runtime().core; }
  cairn::testing::SimRuntime& sim() { return sim_; }

 protected:
  void step() override {
    const bool something_can_still_happen = sim_.run_one();
    CHECK(something_can_still_happen);
  }

 private:
  cairn::testing::SimRuntime sim_;
};

/// On real threads and real time.
class RealStoreUnderTest : public StoreUnderTest {
 public:
  Strand& core() override { return real_.runtime().core; }
  RealRuntime& real() { return real_; }

 protected:
  void step() override { std::this_thread::yield(); }

 private:
  RealRuntime real_{{.io_threads = 1, .transfer_threads = 2, .pool_threads = 4}};
};

}  // namespace cairn::object_store::testing
