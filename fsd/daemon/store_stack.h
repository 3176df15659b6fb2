#pragma once

#include <functional>
#include <memory>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/config/settings.h"
#include "fsd/object_store/counting_store.h"
#include "fsd/object_store/limited_store.h"
#include "fsd/object_store/object_store.h"
#include "fsd/object_store/retrying_store.h"
#include "fsd/runtime/real_runtime.h"

namespace cairn::daemon {

/// The store that the settings name, with what only some kinds can do.
struct MadeStore {
  std::unique_ptr<object_store::ObjectStore> store;
  std::function<void(bool)> set_bare_etags;            // may be empty
  std::function<Task<Result<bool>>()> keeps_versions;  // may be empty
  std::function<Task<>()> stop;                        // may be empty
};
using StoreFactory = std::function<Result<MadeStore>(RealRuntime&, const config::Settings&)>;

/// A store with what every daemon puts on top: counting what is really sent, a limit on what is
/// under way at once, retries.
/// Lifetime: stop() before it goes.   Threads: core only, but for the constructor.
class StoreStack {
 public:
  StoreStack(MadeStore made, Runtime& runtime, const config::Settings& settings);

  [[nodiscard]] object_store::ObjectStore& store() { return retrying_; }
  [[nodiscard]] const object_store::CountingStore& counting() const { return counting_; }
  [[nodiscard]] const object_store::RetryingStore& retrying() const { return retrying_; }
  [[nodiscard]] const MadeStore& made() const { return made_; }
  /// From now on a refused key is waited for, too.
  void set_patient() { retrying_.set_patient(true); }
  /// What is under way, or waits for its next try, ends with kCancelled.
  void give_up();
  Task<> stop();

 private:
  MadeStore made_;
  object_store::CountingStore counting_;
  object_store::LimitedStore limited_;
  object_store::RetryingStore retrying_;
};

}  // namespace cairn::daemon
