#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/id.h"

namespace cairn::engine {

/// The keys of segments that the index does not hold yet, each with its present value and the
/// newest segment that changed it. A key without a value is deleted.
/// Lifetime: owned by the engine.   Threads: core only.
/// Invariant: an entry goes away when the index has taken in the segment that changed it last.
class Overlay {
 public:
  struct Entry {
    std::optional<std::string> value;
    Seq changed_in;
  };
  using Map = std::map<std::string, Entry, std::less<>>;

  /// Returns the entry, and true if `segment` had not changed this key before.
  std::pair<Map::const_iterator, bool> set(std::string_view key,
                                           std::optional<std::string_view> value, Seq segment);
  [[nodiscard]] const Map& map() const { return map_; }
  /// Forgets what the index now holds: the key, unless a segment after `indexed` changed it again.
  void drop(std::string_view key, Seq indexed);
  /// About what it occupies.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static std::size_t cost(std::size_t key, std::size_t value) { return key + value + 128; }

  Map map_;
  std::size_t bytes_ = 0;
};

}  // namespace cairn::engine
