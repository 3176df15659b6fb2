#pragma once

// The manifest: the one object that changes, by compare-and-swap. It says who the writer is and
// which tables make up the checkpoint.

#include <cstdint>
#include <string>
#include <vector>

#include "fsd/base/bytes.h"
#include "fsd/base/id.h"
#include "fsd/base/random.h"
#include "fsd/base/result.h"
#include "fsd/format/identity.h"
#include "fsd/format/position.h"
#include "fsd/format/sealer.h"
#include "fsd/format/table.h"

namespace cairn::format {

inline constexpr std::size_t kManifestBytesMax = 64U << 20;
inline constexpr std::size_t kTablesMax = 1U << 16;

struct TableInfo {
  std::string name;  // key of the object
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  std::string first_key;
  std::string last_key;
  TableKind kind = TableKind::kBase;
  bool operator==(const TableInfo&) const = default;
};

struct Manifest {
  VolumeIdentity identity;
  Epoch epoch;
  WriterNonce nonce;
  std::uint64_t generation = 0;  // grows with every write
  /// What the tables hold; the log starts here.
  Position checkpoint;
  std::vector<TableInfo> tables;  // bases by range, then deltas from the oldest to the newest
  bool operator==(const Manifest&) const = default;
};

/// Draws a new object id each time, so that no two manifests are sealed alike. A try that may have
/// reached the store is repeated with the bytes that it had.
[[nodiscard]] std::string encode_manifest(const Manifest& manifest, const Sealer& sealer,
                                          Random& random);
/// Fails with: FormatErrc.
[[nodiscard]] Result<Manifest> decode_manifest(ByteView object, const Sealer& sealer);

}  // namespace cairn::format
