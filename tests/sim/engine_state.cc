#include "tests/sim/engine_state.h"

namespace cairn::sim {

std::string render(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) {
    text += std::to_string(piece.at.segment.value()) + ":" + std::to_string(piece.at.offset) + ":" +
            std::to_string(piece.bytes.size()) + " ";
  }
  return text;
}

std::map<std::string, std::string> EngineState::rendered(Txn txn) const {
  std::map<std::string, std::string> all = values;
  for (const auto& [key, pieces] : files) all[key] = render(pieces);
  if (txn != 0) all[kTxnKey] = std::to_string(txn);
  return all;
}

std::map<Seq, std::uint64_t> EngineState::references() const {
  std::map<Seq, std::uint64_t> counts;
  for (const auto& [key, pieces] : files) {
    for (const Piece& piece : pieces) counts[piece.at.segment] += piece.bytes.size();
  }
  return counts;
}

}  // namespace cairn::sim
