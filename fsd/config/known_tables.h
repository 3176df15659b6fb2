#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn::config {

/// A table of the configuration, with the names of all its keys.
struct KnownTable {
  std::string name;  // "storage", "servers.fuse"
  std::vector<std::string> keys;
};

/// All tables, as settings_schema.h has them. Threads: any.
[[nodiscard]] const std::vector<KnownTable>& known_tables();
/// Null if there is none of that name.
[[nodiscard]] const KnownTable* find_table(std::string_view name);
/// The first table that has such a key; null if none has.
[[nodiscard]] const KnownTable* find_table_with(std::string_view key);

}  // namespace cairn::config
