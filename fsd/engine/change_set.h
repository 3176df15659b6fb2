#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/format/batch.h"
#include "fsd/index/index.h"

namespace cairn::engine {

/// Changes of metadata that own their bytes: those of one segment, each key once, or a run of a
/// table's entries.
/// Threads: any one at a time.
class ChangeSet {
 public:
  /// Keys may come in any order until sort() is called.
  void add(std::string_view key, std::optional<std::string_view> value);
  void sort();
  /// Views into this set; valid until it changes or ends.
  [[nodiscard]] std::vector<format::BatchEntry> entries() const&;
  std::vector<format::BatchEntry> entries() && = delete;
  [[nodiscard]] std::size_t count() const { return places_.size(); }
  [[nodiscard]] std::size_t bytes() const { return storage_.size(); }

 private:
  struct Place {
    std::uint64_t at;  // in storage_: key, then value
    std::uint32_t key_bytes;
    std::uint32_t value_bytes;
    bool has_value;
  };
  [[nodiscard]] std::string_view key(const Place& place) const {
    return std::string_view(storage_).substr(place.at, place.key_bytes);
  }

  std::string storage_;
  std::vector<Place> places_;
};

/// The newest change of each key, ascending, as the index takes them. `sets` stand in the order of
/// the log; the result points into them.
[[nodiscard]] std::vector<index::Change> newest_changes(const std::vector<const ChangeSet*>& sets);

}  // namespace cairn::engine
