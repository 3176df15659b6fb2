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
  Verdict& verdict;
  object_store::ObjectStore& bucket;
  format::UnlockedVolume volume;
  /// One per daemon that ever lived: what it sent may arrive long after its end.
  std::vector<std::unique_ptr<object_store::CountingStore>> counters;
};

/// What the world decides of a daemon's life.
struct Life {
  Shared& shared;
  index::MemoryIndex& index;
  std::string name;
  engine::Engine::Options options;
  testing::FaultyStore::Options faults;
  std::uint64_t seed = 0;
};

/// One life of a daemon on some host: its connection and its engine. What it does with them, and
/// what it holds against the model, is its workload's: see EngineDaemon, CoreDaemon.
/// Lifetime: may go once ended().   Threads: the simulation's; functions are called outside the
/// core unless they say so.
class Daemon {
 public:
  enum class Phase { kOpening, kRunning, kEnding, kEnded };

  Daemon(const Daemon&) = delete;
  virtual ~Daemon() = default;

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

  void begin_open();
  /// A few changes, drawn from the seed. If `and_sync`, then waits until they are durable.
  void begin_transaction(bool and_sync);
  void begin_sync();
  void begin_read();
  void begin_checkpoint();
  /// Takes away all that the volume holds, and says what is left over then.
  void begin_clearing();
  /// Like kill -9.
  void crash();
  /// Like SIGTERM.
  void begin_stop();
  void set_paused(bool paused);
  /// With nothing under way, after begin_clearing() and its checkpoints: is the volume empty?
  virtual void check_cleared() {}

 protected:
  explicit Daemon(Life life, const Lineage& lineage);

  // What a workload does. Each is called in the core; its Task counts as under way.
  /// The engine is open: looks at what it found, sets phase_ to kRunning when others may begin.
  virtual Task<> on_live() = 0;
  virtual Task<> transaction(bool and_sync) = 0;
  virtual Task<> sync() = 0;
  virtual Task<> read() = 0;
  virtual Task<> clear() { co_return; }
  /// Stops everything, the engine last.
  virtual Task<Result<void>> stop() = 0;

  /// Runs a function in the core that returns a Task, which counts as under way until it ends.
  template <class T>
  void begin(T start);
  /// Nothing that is asked of it need work any more.
  [[nodiscard]] bool lost() const { return killed_ || failed() || lineage_.superseded(epoch_); }
  void violation(const std::string& sentence) {
    shared_.verdict.violation(name_ + ": " + sentence);
  }

  Shared& shared_;
  std::string name_;
  testing::SeededRandom random_;
  std::unique_ptr<engine::Engine> engine_;
  Phase phase_ = Phase::kOpening;
  bool killed_ = false;
  std::size_t under_way_ = 0;
  Epoch epoch_;  // set before on_live()
  std::optional<Error> failure_;

 private:
  Task<> open();
  Task<> checkpoint();
  Task<> end();
  Task<> counted(Task<> task);
  void on_open_failed(const Error& error);
  void check_fenced();

  const Lineage& lineage_;
  engine::Engine::Options options_;
  object_store::CountingStore& counter_;
  testing::FaultyStore wire_;
  object_store::RetryingStore store_;
  index::MemoryIndex& index_;
  bool stopping_ = false;
};

/// What daemons of a world do: makes them, and keeps the model that they are held against.
class Workload {
 public:
  virtual ~Workload() = default;
  /// With its opening begun.
  virtual std::unique_ptr<Daemon> start(Life life) = 0;
  /// How many there were, by all daemons.
  [[nodiscard]] virtual std::size_t transactions() const = 0;
  /// Its daemons can empty the volume.
  [[nodiscard]] virtual bool clears() const { return false; }
};

template <class T>
void Daemon::begin(T start) {
  ++under_way_;
  shared_.sim.in_core([&] { counted(start()).detach(); });
}

}  // namespace cairn::sim
