#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>

#include "fsd/base/id.h"

namespace cairn::fuse {

/// How often the kernel was told of each inode and has not given it back: at an unmount it forgets
/// without a word, and what it held has to be given back for it.
/// Threads: core only.
class LookupCounts {
 public:
  void add(Ino ino) { ++counts_[ino]; }
  /// At most as many as are left are taken; how many.
  std::uint64_t take(Ino ino, std::uint64_t lookups) {
    auto found = counts_.find(ino);
    if (found == counts_.end()) return 0;
    const std::uint64_t taken = found->second < lookups ? found->second : lookups;
    found->second -= taken;
    if (found->second == 0) counts_.erase(found);
    return taken;
  }
  [[nodiscard]] std::unordered_map<Ino, std::uint64_t> take_all() {
    return std::exchange(counts_, {});
  }

 private:
  std::unordered_map<Ino, std::uint64_t> counts_;
};

}  // namespace cairn::fuse
