#include "fsd/engine/metadata.h"

#include "fsd/base/log.h"
#include "fsd/engine/volume.h"

namespace cairn::engine {
namespace {

Error index_failed(const Error& error) {
  log::error(
      "the local index cannot be read ({}); start the daemon again, it loads a damaged one "
      "anew from the bucket",
      error.message());
  return Error(EngineErrc::kDamaged, "the local index cannot be read");
}

/// The greatest key that is less than `key`, among those that the index takes.
std::string key_before(std::string_view key) {
  std::string before(key);
  const auto last = static_cast<unsigned char>(before.back());
  before.pop_back();
  if (last == 0) return before;
  before.push_back(static_cast<char>(last - 1));
  before.resize(index::kKeyBytesMax, '\xff');
  return before;
}

}  // namespace

Result<std::optional<std::string>> Metadata::find(std::string_view key) {
  const auto& map = overlay_.map();
  if (auto at = map.find(key); at != map.end()) return at->second.value;
  auto found = snapshot_->find(key);
  if (!found) return index_failed(found.error());
  if (!*found) return std::optional<std::string>();
  return std::optional<std::string>(**found);
}

// A merge of two ascending sequences; where both have a key, the overlay's entry stands.
Result<void> Metadata::scan(std::string_view first, std::string_view end, const Visitor& visit) {
  const auto& map = overlay_.map();
  auto at = map.lower_bound(first);
  bool stopped = false;
  auto newer_before = [&](std::optional<std::string_view> key) {
    while (!stopped && at != map.end() && at->first < end && (!key || at->first < *key)) {
      if (at->second.value && !visit(at->first, *at->second.value)) stopped = true;
      ++at;
    }
  };
  auto scanned = snapshot_->scan(first, end, [&](std::string_view key, std::string_view value) {
    newer_before(key);
    if (stopped) return false;
    if (at != map.end() && at->first == key) {
      const auto& entry = at->second;
      ++at;
      if (entry.value && !visit(key, *entry.value)) stopped = true;
    } else if (!visit(key, value)) {
      stopped = true;
    }
    return !stopped;
  });
  if (!scanned) return index_failed(scanned.error());
  newer_before(std::nullopt);
  return {};
}

Result<std::optional<std::pair<std::string, std::string>>> Metadata::find_floor(
    std::string_view first, std::string_view key) {
  using Found = std::optional<std::pair<std::string, std::string>>;
  const auto& map = overlay_.map();
  // The overlay's greatest live key in range, and how far down its deletions reach.
  auto above = map.upper_bound(key);
  std::string bound(key);
  for (;;) {
    auto older = snapshot_->find_floor(first, bound);
    if (!older) return index_failed(older.error());
    // Walk the overlay down to the index's candidate.
    while (above != map.begin()) {
      auto at = std::prev(above);
      if (at->first < first || (*older && at->first < (*older)->first)) break;
      if (at->second.value) return Found(std::pair(at->first, *at->second.value));
      above = at;
      if (*older && at->first == (*older)->first) break;
    }
    if (!*older) return Found();
    if (above == map.end() || above->first != (*older)->first) {
      return Found(std::pair(std::string((*older)->first), std::string((*older)->second)));
    }
    // The candidate is deleted in the overlay: look below it.
    bound = key_before((*older)->first);
    if (bound < first) return Found();
  }
}

}  // namespace cairn::engine
