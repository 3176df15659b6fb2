#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fsd/base/id.h"

namespace cairn::sim {

/// Number of a transaction: every one that any daemon ever began has its own. 0 is the empty
/// volume.
using Txn = std::uint64_t;

/// The reference model's shape: a tree of transactions. Daemons extend it; one path from the root
/// is the volume's true history, and what was acknowledged must be on it.
/// Threads: the simulation's.   Failures: the on_* functions return the sentence.
class Lineage {
 public:
  Lineage() { nodes_.emplace_back(); }

  Txn add(Txn parent);
  /// With the empty volume.
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] Txn parent(Txn txn) const { return nodes_[txn].parent; }
  [[nodiscard]] bool is_before(Txn earlier, Txn later) const;

  /// A writer of `epoch` was told that `txn` and all before it are durable.
  std::optional<std::string> on_acknowledged(Epoch epoch, Txn txn);
  /// A daemon went live with `epoch` and found `found` to be the volume's last transaction.
  std::optional<std::string> on_recovered(Epoch epoch, Txn found);
  [[nodiscard]] Txn acknowledged() const { return acknowledged_; }
  [[nodiscard]] bool superseded(Epoch epoch) const;

 private:
  struct Node {
    Txn parent = 0;
    std::uint64_t depth = 0;
  };
  std::vector<Node> nodes_;
  Txn acknowledged_ = 0;             // the newest one
  std::map<Epoch, Txn> recoveries_;  // where each term began
};

/// The same, with what the volume holds after each transaction.
template <class State>
class History : public Lineage {
 public:
  Txn add(Txn parent, State state) {
    states_.push_back(std::move(state));
    return Lineage::add(parent);
  }
  [[nodiscard]] const State& state(Txn txn) const { return states_[txn]; }
  /// Of a transaction that has only begun.
  void set_state(Txn txn, State state) { states_[txn] = std::move(state); }

 private:
  std::vector<State> states_ = std::vector<State>(1);
};

}  // namespace cairn::sim
