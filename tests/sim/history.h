#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fsd/engine/volume.h"

namespace cairn::sim {

/// Number of a transaction: every one that any daemon ever began has its own. 0 is the empty
/// volume.
using Txn = std::uint64_t;

/// A run of a file's bytes, and where the volume keeps it.
struct Piece {
  engine::DataRef at;
  std::string bytes;
};

/// What the volume holds after a transaction.
struct State {
  std::map<std::string, std::string> values;  // key -> value
  std::map<std::string, std::vector<Piece>>
      files;  // key -> content, whose places the key's value lists

  /// All keys as the volume must show them.
  [[nodiscard]] std::map<std::string, std::string> rendered(Txn txn) const;
  /// Referenced bytes of each segment.
  [[nodiscard]] std::map<Seq, std::uint64_t> references() const;
};

inline constexpr const char* kTxnKey = "c-txn";
[[nodiscard]] std::string render(const std::vector<Piece>& pieces);

/// The reference model: a tree of transactions, each with the state after it. Daemons extend it;
/// one path from the root is the volume's true history, and what was acknowledged must be on it.
/// Threads: the simulation's.   Failures: the check functions return the sentence.
class History {
 public:
  History() { nodes_.push_back({}); }

  Txn add(Txn parent, State state);
  [[nodiscard]] const State& state(Txn txn) const { return nodes_[txn].state; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
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
    State state;
  };
  std::vector<Node> nodes_;
  Txn acknowledged_ = 0;             // the newest one
  std::map<Epoch, Txn> recoveries_;  // where each term began
};

}  // namespace cairn::sim
