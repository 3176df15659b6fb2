#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fsd/engine/volume.h"
#include "tests/sim/history.h"

namespace cairn::sim {

/// A run of a file's bytes, and where the volume keeps it.
struct Piece {
  engine::DataRef at;
  std::string bytes;
};

/// What an engine holds after a transaction.
struct EngineState {
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

}  // namespace cairn::sim
