#pragma once

#include <memory>
#include <optional>

#include "fsd/engine/engine.h"
#include "fsd/engine/volume_setup.h"
#include "fsd/index/memory_index.h"
#include "fsd/object_store/counting_store.h"
#include "tests/support/sim_runtime.h"

namespace cairn::testing {

/// One machine that runs a daemon on a store now and then: its local index stays between runs.
/// Threads: the simulation's.
class EngineHost {
 public:
  EngineHost(SimRuntime& sim, object_store::ObjectStore& bucket) : sim_(sim), bucket_(bucket) {}
  ~EngineHost() {
    if (engine_) (void)stop();
  }

  engine::Engine::Options options;
  engine::SetupOptions setup;

  /// Starts a daemon's engine; makes the volume if there is none.
  Result<void> start() {
    failure_.reset();
    store_ = std::make_unique<object_store::CountingStore>(bucket_);
    auto set_up = sim_.wait([&] { return engine::set_up_volume(sim_.runtime(), *store_, setup); });
    if (!set_up) return set_up.error();
    volume_ = set_up->volume;
    engine::Engine::Options with = options;
    with.on_failed = [this](Error error) { failure_ = std::move(error); };
    engine::LogAccess access{.runtime = sim_.runtime(),
                             .store = *store_,
                             .index = index,
                             .parameters = volume_->parameters,
                             .sealer = volume_->sealer};
    auto opened = sim_.wait([&] { return engine::Engine::open(access, with); });
    if (!opened) return opened.error();
    engine_ = std::move(*opened);
    return {};
  }
  Result<void> stop() {
    auto stopped = sim_.wait([&] { return engine_->stop(); });
    engine_.reset();
    return stopped;
  }

  [[nodiscard]] engine::Engine& engine() { return *engine_; }
  [[nodiscard]] const object_store::StoreCounts& counts() const { return store_->counts(); }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  [[nodiscard]] SimRuntime& sim() { return sim_; }

  // A few transactions, for tests.
  Task<Result<void>> put(std::string key, std::string value) {
    CO_TRY_OK(co_await engine_->admit(0));
    engine_->put(key, value);
    co_return Result<void>();
  }
  Task<Result<engine::DataRef>> append(std::string key, std::string bytes) {
    CO_TRY_OK(co_await engine_->admit(bytes.size()));
    const engine::DataRef at = engine_->append(as_bytes(bytes));
    engine_->put(key, std::to_string(at.segment.value()) + ":" + std::to_string(at.offset));
    co_return at;
  }
  Task<Result<std::string>> read(engine::DataRef at, std::size_t length) {
    std::string bytes(length, '?');
    CO_TRY_OK(co_await engine_->read(
        at, MutableByteView(reinterpret_cast<std::uint8_t*>(bytes.data()), length)));
    co_return bytes;
  }
  std::optional<std::string> find(std::string_view key) {
    auto found = engine_->find(key);
    CHECK(found.has_value());
    return *found;
  }

  index::MemoryIndex index;

 private:
  SimRuntime& sim_;
  object_store::ObjectStore& bucket_;
  std::unique_ptr<object_store::CountingStore> store_;
  std::optional<format::UnlockedVolume> volume_;
  std::unique_ptr<engine::Engine> engine_;
  std::optional<Error> failure_;
};

}  // namespace cairn::testing
