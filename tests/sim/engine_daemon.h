#pragma once

#include <memory>
#include <string>

#include "tests/sim/daemon.h"
#include "tests/sim/engine_state.h"

namespace cairn::sim {

/// A daemon that uses its engine directly: transactions of a few keys and files.
/// Lifetime, threads: as Daemon.
class EngineDaemon final : public Daemon {
 public:
  EngineDaemon(Life life, History<EngineState>& history);

 private:
  Task<> on_live() override;
  Task<> transaction(bool and_sync) override;
  Task<> sync() override;
  Task<> read() override;
  Task<Result<void>> stop() override;
  Task<> sync_to(Txn txn);
  void change_something(EngineState& state);
  void change_value(EngineState& state);
  void append_to(EngineState& state, const std::string& key);
  void overwrite_in(EngineState& state, const std::string& key);
  void drop_from(EngineState& state, const std::string& key);
  void check_recovered();
  Task<> check_bytes(Txn txn);
  std::string random_bytes();

  History<EngineState>& history_;
  Txn head_ = 0;
};

class EngineWorkload final : public Workload {
 public:
  std::unique_ptr<Daemon> start(Life life) override;
  [[nodiscard]] std::size_t transactions() const override { return history_.size() - 1; }

 private:
  History<EngineState> history_;
};

}  // namespace cairn::sim
