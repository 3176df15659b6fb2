#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace cairn::vfs {

/// Parts the memory for what is fetched ahead among those who read at the same time: together they
/// would fill it more than once, and push out what the others have not read yet. A reader counts
/// until it goes, has asked for the end of its file, or others have asked for a whole memory's
/// worth since it last asked.
/// Threads: core only.   Fails: never.
class ReadAheadShares {
 public:
  /// Who asks; null before it has asked for the first time. Lifetime: any.
  struct Reader {
    std::uint64_t asked_at = 0;  // in bytes that all have asked for
  };

  /// How far ahead one reader may be, if all of them may have `total` bytes.
  [[nodiscard]] std::uint64_t share_of(std::uint64_t total) const {
    return readers_.empty() ? total : total / readers_.size();
  }
  /// `reader` has asked for `bytes` more.
  void on_ask(std::shared_ptr<Reader>& reader, std::uint64_t bytes, bool is_last,
              std::uint64_t total);

 private:
  std::uint64_t asked_ = 0;
  std::vector<std::weak_ptr<Reader>> readers_;
};

}  // namespace cairn::vfs
