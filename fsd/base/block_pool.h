#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace cairn {

/// Memory in blocks of one size, used again and again. malloc keeps a heap per group of threads,
/// and blocks that one thread takes and another gives back gather in heaps that the next taker does
/// not look into: a daemon with 64 MB in use held 350. Here all threads share what is free, and of
/// that no more than `idle_bytes_max` stays with the process; the rest goes back to the kernel.
/// Lifetime: a handle, cheap to copy; blocks may outlive all handles.
/// Threads: any.   Fails with: std::bad_alloc.
class BlockPool {
 public:
  using Block = std::shared_ptr<std::uint8_t[]>;
  struct Counters {
    std::size_t used = 0;      // blocks, now
    std::size_t idle = 0;      // blocks kept for the next taker, with their memory
    std::size_t returned = 0;  // blocks without memory: given back to the kernel, or never touched
  };

  /// A block takes whole pages, whose size is the machine's.
  BlockPool(std::size_t block_bytes, std::size_t idle_bytes_max);

  /// A block; what is in it is void. Returns to the pool by itself.
  [[nodiscard]] Block take();
  [[nodiscard]] std::size_t block_bytes() const;
  [[nodiscard]] Counters counters() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace cairn
