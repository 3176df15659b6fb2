#pragma once

// The fixed parts of a table object, for table_writer.cc and table_reader.cc only.

#include <cstdint>
#include <string_view>

#include "fsd/format/table.h"

namespace cairn::format {

inline constexpr std::string_view kTableMagic = "CAIRNTBL";
inline constexpr std::string_view kTableEndMagic = "CAIRNTBE";
inline constexpr std::uint16_t kTableVersion = 1;
inline constexpr std::size_t kTableHeaderBytes = 96;
inline constexpr std::size_t kTableTrailerBytes = 16;
inline constexpr std::uint32_t kTableFooterPart = UINT32_MAX;  // blocks are parts 0, 1, ...
inline constexpr std::size_t kTableBlocksMax = 1U << 20;
/// A block ends with the entry that reaches kTableBlockBytes.
inline constexpr std::size_t kTableBlockPlainMax =
    kTableBlockBytes + kKeyBytesMax + kValueBytesMax + 16;

[[nodiscard]] inline ObjectSealer table_sealer(const TableContext& context, const Sealer& sealer) {
  return sealer.for_object(Domain::kTable, context.nonce, context.number, context.id);
}

}  // namespace cairn::format
