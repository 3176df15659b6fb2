#pragma once

#include <atomic>
#include <cstdlib>
#include <utility>

#include "fsd/frontends/fuse/fuse_api.h"

namespace cairn::fuse {

/// What a reader thread reads requests into. A large write that does not end during its callback
/// keeps the buffer (a lease) instead of copying it; the reader then takes a new one.
/// Threads: made and filled by one reader; leases are dropped on any.
class ReadBuffer {
 public:
  ReadBuffer() = default;
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;

  fuse_buf buffer{};

  [[nodiscard]] bool leased() const { return users_.load(std::memory_order_acquire) > 1; }
  void acquire() { users_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  ~ReadBuffer() { std::free(buffer.mem); }
  std::atomic<int> users_{1};  // the reader, and each lease
};

/// Keeps a ReadBuffer's bytes.
class BufferLease {
 public:
  BufferLease() = default;
  explicit BufferLease(ReadBuffer* buffer) : buffer_(buffer) { buffer_->acquire(); }
  BufferLease(BufferLease&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferLease& operator=(BufferLease&& other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~BufferLease() {
    if (buffer_ != nullptr) buffer_->release();
  }

 private:
  ReadBuffer* buffer_ = nullptr;
};

}  // namespace cairn::fuse
