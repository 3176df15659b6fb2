#include "fsd/engine/change_set.h"

#include <algorithm>

namespace cairn::engine {

static_assert(format::kKeyBytesMax == index::kKeyBytesMax, "what the log holds, the index takes");

void ChangeSet::add(std::string_view key, std::optional<std::string_view> value) {
  places_.push_back({.at = storage_.size(),
                     .key_bytes = static_cast<std::uint32_t>(key.size()),
                     .value_bytes = static_cast<std::uint32_t>(value ? value->size() : 0),
                     .has_value = value.has_value()});
  storage_.append(key);
  if (value) storage_.append(*value);
}

void ChangeSet::sort() {
  std::sort(places_.begin(), places_.end(),
            [this](const Place& a, const Place& b) { return key(a) < key(b); });
}

std::vector<format::BatchEntry> ChangeSet::entries() const& {
  std::vector<format::BatchEntry> entries;
  entries.reserve(places_.size());
  for (const Place& place : places_) {
    format::BatchEntry& entry = entries.emplace_back();
    entry.key = key(place);
    if (place.has_value) {
      entry.value =
          std::string_view(storage_).substr(place.at + place.key_bytes, place.value_bytes);
    }
  }
  return entries;
}

std::vector<index::Change> newest_changes(const std::vector<const ChangeSet*>& sets) {
  std::vector<index::Change> changes;
  for (const ChangeSet* set : sets) {
    for (const format::BatchEntry& entry : set->entries()) {
      changes.push_back({.key = entry.key, .value = entry.value});
    }
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const auto& a, const auto& b) { return a.key < b.key; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const bool newest = i + 1 == changes.size() || changes[i + 1].key != changes[i].key;
    if (newest) changes[kept++] = changes[i];
  }
  changes.resize(kept);
  return changes;
}

}  // namespace cairn::engine
