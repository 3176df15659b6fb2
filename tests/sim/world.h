#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fsd/engine/volume_setup.h"
#include "tests/sim/daemon.h"
#include "tests/sim/watched_bucket.h"

namespace cairn::sim {

/// What the seed chose for a run.
struct Settings {
  engine::SetupOptions setup;
  engine::Engine::Options engine;
  testing::FaultyStore::Options faults;
  std::uint64_t steps = 0;
  std::uint64_t hosts = 3;
  bool calm = false;  // take-overs, but nobody crashes, sleeps or loses his network
  static Settings draw(testing::SeededRandom& random);
  [[nodiscard]] std::string description() const;
};

/// A bucket, a few hosts with their local indexes, and daemons that live and die on them, all drawn
/// from one seed; afterwards one last daemon, against which everything is checked.
/// Threads: the simulation's.
class World {
 public:
  World(std::uint64_t seed, bool verbose, std::unique_ptr<Workload> workload);
  ~World();
  /// The violations found; empty is good.
  std::vector<std::string> run();
  [[nodiscard]] std::uint64_t digest() const { return sim_.history(); }
  [[nodiscard]] std::size_t transactions() const { return workload_->transactions(); }
  [[nodiscard]] Epoch epochs() const { return last_epoch_; }

 private:
  struct Host {
    std::unique_ptr<index::MemoryIndex> index;
    std::unique_ptr<Daemon> daemon;
    bool paused = false;
    Duration full_until{};  // its disk
    Duration away_until{};  // its network
  };
  void step();
  void start(Host& host);
  std::unique_ptr<Daemon> start_last(index::MemoryIndex& index);
  void act(Host& host);
  void trouble(Host& host);
  void tend();
  void burst(Daemon& daemon);
  void end_all();
  void check_the_end();
  void advance(Daemon& last);
  void check_objects(Daemon& last);
  void check_idle(Daemon& last);
  bool wait_until(Duration most, const std::function<bool()>& done);

  Verdict verdict_;
  testing::SimRuntime sim_;
  testing::SeededRandom random_;
  Settings settings_;
  WatchedBucket bucket_;
  std::unique_ptr<Workload> workload_;
  std::unique_ptr<Shared> shared_;
  std::vector<Host> hosts_;
  std::uint64_t lives_ = 0;
  Epoch last_epoch_;
};

}  // namespace cairn::sim
