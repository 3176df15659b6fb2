#include "tests/sim/history.h"

namespace cairn::sim {

std::string render(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) {
    text += std::to_string(piece.at.segment.value()) + ":" + std::to_string(piece.at.offset) + ":" +
            std::to_string(piece.bytes.size()) + " ";
  }
  return text;
}

std::map<std::string, std::string> State::rendered(Txn txn) const {
  std::map<std::string, std::string> all = values;
  for (const auto& [key, pieces] : files) all[key] = render(pieces);
  if (txn != 0) all[kTxnKey] = std::to_string(txn);
  return all;
}

std::map<Seq, std::uint64_t> State::references() const {
  std::map<Seq, std::uint64_t> counts;
  for (const auto& [key, pieces] : files) {
    for (const Piece& piece : pieces) counts[piece.at.segment] += piece.bytes.size();
  }
  return counts;
}

Txn History::add(Txn parent, State state) {
  nodes_.push_back({parent, nodes_[parent].depth + 1, std::move(state)});
  return nodes_.size() - 1;
}

bool History::is_before(Txn earlier, Txn later) const {
  while (nodes_[later].depth > nodes_[earlier].depth) later = nodes_[later].parent;
  return later == earlier;
}

std::optional<std::string> History::on_acknowledged(Epoch epoch, Txn txn) {
  for (auto at = recoveries_.upper_bound(epoch); at != recoveries_.end(); ++at) {
    if (!is_before(txn, at->second)) {
      return "epoch " + std::to_string(epoch.value()) + " acknowledged transaction " +
             std::to_string(txn) + ", which epoch " + std::to_string(at->first.value()) +
             " does not have: it began at " + std::to_string(at->second);
    }
  }
  if (is_before(acknowledged_, txn)) {
    acknowledged_ = txn;
  } else if (!is_before(txn, acknowledged_)) {
    return "transactions " + std::to_string(txn) + " and " + std::to_string(acknowledged_) +
           " were both acknowledged and exclude each other";
  }
  return std::nullopt;
}

std::optional<std::string> History::on_recovered(Epoch epoch, Txn found) {
  if (recoveries_.contains(epoch)) {
    return "two daemons are live in epoch " + std::to_string(epoch.value());
  }
  // It may have been overtaken on the last steps: then it only must not have gone astray.
  const auto successor = recoveries_.upper_bound(epoch);
  if (successor != recoveries_.end()) {
    if (!is_before(found, successor->second)) {
      return "epoch " + std::to_string(epoch.value()) + " found transaction " +
             std::to_string(found) + ", which its successor does not have";
    }
  } else if (!is_before(acknowledged_, found)) {
    return "epoch " + std::to_string(epoch.value()) + " found transaction " +
           std::to_string(found) + " to be the last, but " + std::to_string(acknowledged_) +
           " was acknowledged";
  }
  recoveries_[epoch] = found;
  return std::nullopt;
}

bool History::superseded(Epoch epoch) const {
  return recoveries_.upper_bound(epoch) != recoveries_.end();
}

}  // namespace cairn::sim
