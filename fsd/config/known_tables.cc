#include "fsd/config/known_tables.h"

#include <algorithm>

#include "fsd/config/settings_schema.h"

namespace cairn::config {
namespace {

/// Collects the names of a table's keys.
struct NameCollector {
  std::vector<std::string> names;
#define CAIRN_COLLECT(kind)                    \
  template <class... Any>                      \
  void kind(const char* name, const Any&...) { \
    names.emplace_back(name);                  \
  }
  CAIRN_COLLECT(parsed)
  CAIRN_COLLECT(secret)
  CAIRN_COLLECT(seconds)
  CAIRN_COLLECT(milliseconds)
  CAIRN_COLLECT(text)
  CAIRN_COLLECT(path)
  CAIRN_COLLECT(boolean)
  CAIRN_COLLECT(integer)
  CAIRN_COLLECT(integers)
  CAIRN_COLLECT(gigabytes)
  CAIRN_COLLECT(addresses)
  CAIRN_COLLECT(texts)
#undef CAIRN_COLLECT
  template <class E>
  void choice(const char* name, E&, schema::Choices<E>) {
    names.emplace_back(name);
  }
};

template <class S>
std::vector<std::string> names_of() {
  NameCollector collector;
  S settings;
  schema::visit(collector, settings);
  return collector.names;
}

}  // namespace

const std::vector<KnownTable>& known_tables() {
  static const std::vector<KnownTable> tables = {
      {"storage", names_of<StorageSettings>()},
      {"aws", names_of<AwsSettings>()},
      {"cache", names_of<CacheSettings>()},
      {"filesystem", names_of<FilesystemSettings>()},
      {schema::kFuseTable, names_of<FuseSettings>()},
      {schema::kNinepTable, names_of<NinepSettings>()},
      {schema::kWebTable, names_of<WebSettings>()},
  };
  return tables;
}

const KnownTable* find_table(std::string_view name) {
  const auto& tables = known_tables();
  const auto found = std::ranges::find(tables, name, &KnownTable::name);
  return found == tables.end() ? nullptr : &*found;
}

const KnownTable* find_table_with(std::string_view key) {
  const auto& tables = known_tables();
  const auto found = std::ranges::find_if(tables, [key](const KnownTable& table) {
    return std::ranges::find(table.keys, key) != table.keys.end();
  });
  return found == tables.end() ? nullptr : &*found;
}

}  // namespace cairn::config
