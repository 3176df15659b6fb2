#include "tests/sim/history.h"

namespace cairn::sim {

Txn Lineage::add(Txn parent) {
  nodes_.push_back({parent, nodes_[parent].depth + 1});
  return nodes_.size() - 1;
}

bool Lineage::is_before(Txn earlier, Txn later) const {
  while (nodes_[later].depth > nodes_[earlier].depth) later = nodes_[later].parent;
  return later == earlier;
}

std::optional<std::string> Lineage::on_acknowledged(Epoch epoch, Txn txn) {
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

std::optional<std::string> Lineage::on_recovered(Epoch epoch, Txn found) {
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

bool Lineage::superseded(Epoch epoch) const {
  return recoveries_.upper_bound(epoch) != recoveries_.end();
}

}  // namespace cairn::sim
