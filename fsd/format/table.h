#pragma once

// Tables: sorted runs of metadata, the objects that a checkpoint consists of.
//
//   header | blocks | footer | trailer
//
// Blocks hold about 128 KiB of entries, each compressed and sealed alone; the footer lists them
// and is sealed with the header as its associated data; the trailer says where the footer begins.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/bytes.h"
#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/format/batch.h"
#include "fsd/format/compression.h"
#include "fsd/format/identity.h"
#include "fsd/format/sealer.h"

namespace cairn::format {

inline constexpr std::size_t kTableBlockBytes = 128U << 10;

enum class TableKind : std::uint8_t {
  kBase = 1,   // every key of its range
  kDelta = 2,  // changes since the bases were written, deletions among them
};

/// Whose table it is. `number` counts the tables of an epoch.
struct TableContext {
  VolumeIdentity identity;
  Epoch epoch;
  WriterNonce nonce;
  std::uint64_t number = 0;
  SegmentId id;  // random, new for each table
  TableKind kind = TableKind::kBase;
  bool operator==(const TableContext&) const = default;
};

struct FinishedTable {
  std::string object;
  std::uint64_t entries = 0;
  std::string first_key;  // empty when there are no entries
  std::string last_key;
};

/// Writes one table into memory. Threads: one at a time, any.
class TableWriter {
 public:
  TableWriter(const Sealer& sealer, const TableContext& context, const Compression& compression);
  /// Keys ascend, and keep to the limits of batch.h. A base has values only.
  void add(std::string_view key, std::optional<std::string_view> value);
  /// About how long the object would be if it ended here.
  [[nodiscard]] std::uint64_t bytes_so_far() const { return object_.size() + block_.bytes(); }
  [[nodiscard]] std::uint64_t entries() const { return entries_; }
  [[nodiscard]] FinishedTable finish() &&;

 private:
  struct BlockInfo {
    std::uint32_t stored_bytes = 0;
    std::uint32_t plain_bytes = 0;
    Codec codec = Codec::kRaw;
  };
  void flush_block();

  TableContext context_;
  Compression compression_;
  ObjectSealer sealer_;
  std::string object_;
  BatchWriter block_;
  std::vector<BlockInfo> blocks_;
  std::uint64_t entries_ = 0;
  std::string first_key_;
  std::string last_key_;
};

struct TableSummary {
  TableContext context;
  std::uint64_t entries = 0;
  std::string first_key;
  std::string last_key;
};
/// Sees the entries of a table; what it fails with ends the reading. The views live for the call.
using TableVisitor =
    std::function<Result<void>(std::string_view key, std::optional<std::string_view> value)>;

/// Reads a whole table, ascending. Entries are shown as soon as their block proves good, so a
/// table that is damaged further on has shown some when this fails.
/// Fails with: FormatErrc; what `visit` fails with.
[[nodiscard]] Result<TableSummary> read_table(ByteView object, const Sealer& sealer,
                                              const TableVisitor& visit);

}  // namespace cairn::format
