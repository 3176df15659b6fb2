#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fsd/engine/engine.h"
#include "fsd/index/memory_index.h"
#include "fsd/object_store/counting_store.h"
#include "fsd/object_store/retrying_store.h"
#include "tests/sim/history.h"
#include "tests/support/faulty_store.h"
#include "tests/support/sim_runtime.h"

namespace cairn::sim {

/// Where violations go. A run goes on after the first, and fails.
struct Verdict {
  std::vector<std::string> violations;
  bool verbose = false;
  void violation(std::string sentence);
  void say(const std::string& sentence) const;
};

/// What all daemons of one world share.
struct Shared {
  testing::SimRuntime& sim;
  History& history;
  Verdict& verdict;
  object_store::ObjectStore& bucket;
  format::UnlockedVolume volume;
  /// One per daemon that ever lived: what it sent may arrive long after its end.
  std::vector<std::unique_ptr<object_store::CountingStore>> counters;
};

/// One life of a daemon on some host: its connection, its engine, and what it did and saw, held
/// against the model.
/// Lifetime: may go once ended().   Threads: the simulation's; functions are called outside the
/// core unless they say so.
class Daemon {
 public:
  enum class Phase { kOpening, kRunning, kEnding, kEnded };

  Daemon(Shared& shared, index::MemoryIndex& index, std::string name,
         engine::Engine::Options options, testing::FaultyStore::Options faults, std::uint64_t seed);

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] bool running() const { return phase_ == Phase::kRunning; }
  [[nodiscard]] bool ended() const { return phase_ == Phase::kEnded && under_way_ == 0; }
  [[nodiscard]] bool failed() const { return failure_ || (engine_ && engine_->failure()); }
  [[nodiscard]] bool idle() const { return under_way_ == 0; }
  [[nodiscard]] bool killed() const { return killed_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] engine::Engine& engine() { return *engine_; }
  [[nodiscard]] testing::FaultyStore& wire() { return wire_; }
  [[nodiscard]] std::uint64_t requests() const { return counter_.counts().requests(); }
  [[nodiscard]] Txn head() const { return head_; }

  /// One transaction of a few changes, drawn from the seed. If `and_sync`, then waits for it.
  void begin_transaction(bool and_sync);
  void begin_sync();
  void begin_read();
  void begin_checkpoint();
  /// Like kill -9.
  void crash();
  /// Like SIGTERM.
  void begin_stop();
  void set_paused(bool paused);

 private:
  Task<> open();
  Task<> transaction(bool and_sync);
  Task<> sync(Txn txn);
  Task<> read();
  Task<> checkpoint();
  Task<> end();
  void change_something(State& state);
  void change_value(State& state);
  void append_to(State& state, const std::string& key);
  void overwrite_in(State& state, const std::string& key);
  void drop_from(State& state, const std::string& key);
  void on_open_failed(const Error& error);
  void check_fenced();
  void check_recovered();
  Task<> check_bytes(Txn txn);
  std::string random_bytes();
  template <class T>
  void begin(T start);

  Shared& shared_;
  std::string name_;
  engine::Engine::Options options_;
  testing::SeededRandom random_;
  object_store::CountingStore& counter_;
  testing::FaultyStore wire_;
  object_store::RetryingStore store_;
  index::MemoryIndex& index_;
  std::unique_ptr<engine::Engine> engine_;
  Phase phase_ = Phase::kOpening;
  bool killed_ = false;
  bool stopping_ = false;
  std::size_t under_way_ = 0;
  Epoch epoch_;
  Txn head_ = 0;
  std::optional<Error> failure_;
};

}  // namespace cairn::sim
