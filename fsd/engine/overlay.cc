#include "fsd/engine/overlay.h"

namespace cairn::engine {

std::pair<Overlay::Map::const_iterator, bool> Overlay::set(std::string_view key,
                                                           std::optional<std::string_view> value,
                                                           Seq segment) {
  auto at = map_.lower_bound(key);
  bool first = true;
  if (at != map_.end() && at->first == key) {
    first = at->second.changed_in != segment;
    bytes_ -= cost(key.size(), at->second.value ? at->second.value->size() : 0);
  } else {
    at = map_.emplace_hint(at, std::string(key), Entry{});
  }
  Entry& entry = at->second;
  entry.changed_in = segment;
  if (!value) {
    entry.value.reset();
  } else if (entry.value) {
    entry.value->assign(*value);
  } else {
    entry.value.emplace(*value);
  }
  bytes_ += cost(key.size(), value ? value->size() : 0);
  return {at, first};
}

void Overlay::drop(std::string_view key, Seq indexed) {
  auto at = map_.find(key);
  if (at == map_.end() || at->second.changed_in > indexed) return;
  bytes_ -= cost(key.size(), at->second.value ? at->second.value->size() : 0);
  map_.erase(at);
}

}  // namespace cairn::engine
