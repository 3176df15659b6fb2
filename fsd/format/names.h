#pragma once

// Keys of the objects in the bucket, below the volume's prefix.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fsd/base/id.h"
#include "fsd/format/table.h"

namespace cairn::format {

inline constexpr std::string_view kManifestName = "manifest";
inline constexpr std::string_view kVolumeName = "volume";
inline constexpr std::string_view kLogPrefix = "log/";
inline constexpr std::string_view kDataPrefix = "data/";
inline constexpr std::string_view kTablePrefix = "meta/";

/// log/<low byte of seq, 2 hex>/<seq, 16 hex>: needs no listing to be found, and spreads.
[[nodiscard]] std::string log_name(Seq seq);
/// data/<low byte of seq, 2 hex>/<epoch, 16 hex>-<seq, 16 hex>
[[nodiscard]] std::string data_name(Epoch epoch, Seq seq);
/// meta/<epoch, 16 hex>-<number, 16 hex>-base or -delta
[[nodiscard]] std::string table_name(Epoch epoch, std::uint64_t number, TableKind kind);

/// What a name says.
struct ObjectName {
  enum class Kind : std::uint8_t { kLog, kData, kTable, kManifest, kVolume };
  Kind kind = Kind::kLog;
  Seq seq;                   // kLog, kData
  Epoch epoch;               // kData, kTable
  std::uint64_t number = 0;  // kTable
  TableKind table = TableKind::kBase;
  bool operator==(const ObjectName&) const = default;
};
/// Nothing for a name that none of the above would make: not ours, and never to be deleted.
[[nodiscard]] std::optional<ObjectName> parse_object_name(std::string_view name);

}  // namespace cairn::format
