#include "fsd/index/changes.h"

#include <algorithm>
#include <cerrno>

namespace cairn::index {

Result<std::vector<const Change*>> sorted_by_key(std::span<const Change> changes) {
  std::vector<const Change*> sorted;
  sorted.reserve(changes.size());
  for (const Change& change : changes) {
    if (change.key.empty() || change.key.size() > kKeyBytesMax) {
      return errno_error(EINVAL, "a key's length is not one that the index takes");
    }
    sorted.push_back(&change);
  }
  const auto less = [](const Change* a, const Change* b) {
    const int order = a->key.compare(b->key);
    return order != 0 ? order < 0 : a < b;  // their places in the span are their order
  };
  if (!std::ranges::is_sorted(sorted, less)) std::ranges::sort(sorted, less);
  return sorted;
}

}  // namespace cairn::index
