#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "fsd/base/block_pool.h"
#include "fsd/base/bytes.h"

namespace cairn::engine {

/// The data space of a segment while it is open and until it is durable: file bytes one after
/// another, in frames of a fixed size, so that a frame can move into the cache without a copy.
/// Threads: core while open; any, for reading, once sealed.
class Arena {
 public:
  /// A frame is a block of the pool.
  explicit Arena(BlockPool blocks)
      : blocks_(std::move(blocks)), frame_bytes_(blocks_.block_bytes()) {}

  /// Offset of the first byte.
  std::uint64_t append(ByteView bytes);
  void overwrite(std::uint64_t offset, ByteView bytes);
  void read(std::uint64_t offset, MutableByteView into) const;
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::size_t frames() const { return frames_.size(); }
  [[nodiscard]] ByteView frame(std::size_t index) const;
  /// The frame for the cache: shared when it is full, a copy of the right size when it is not.
  [[nodiscard]] SharedBytes share_frame(std::size_t index) const;

 private:
  BlockPool blocks_;
  std::size_t frame_bytes_;
  std::uint64_t size_ = 0;
  std::vector<BlockPool::Block> frames_;
};

}  // namespace cairn::engine
