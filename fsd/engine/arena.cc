#include "fsd/engine/arena.h"

#include <algorithm>

#include "fsd/base/check.h"

namespace cairn::engine {

std::uint64_t Arena::append(ByteView bytes) {
  const std::uint64_t start = size_;
  while (!bytes.empty()) {
    const std::size_t within = size_ % frame_bytes_;
    if (within == 0) frames_.push_back(blocks_.take());
    const std::size_t count = std::min(bytes.size(), frame_bytes_ - within);
    std::memcpy(frames_.back().get() + within, bytes.data(), count);
    bytes = bytes.subspan(count);
    size_ += count;
  }
  return start;
}

void Arena::overwrite(std::uint64_t offset, ByteView bytes) {
  CHECK(offset + bytes.size() <= size_);
  while (!bytes.empty()) {
    const std::size_t within = offset % frame_bytes_;
    const std::size_t count = std::min(bytes.size(), frame_bytes_ - within);
    std::memcpy(frames_[offset / frame_bytes_].get() + within, bytes.data(), count);
    bytes = bytes.subspan(count);
    offset += count;
  }
}

void Arena::read(std::uint64_t offset, MutableByteView into) const {
  CHECK(offset + into.size() <= size_);
  while (!into.empty()) {
    const std::size_t within = offset % frame_bytes_;
    const std::size_t count = std::min(into.size(), frame_bytes_ - within);
    std::memcpy(into.data(), frames_[offset / frame_bytes_].get() + within, count);
    into = into.subspan(count);
    offset += count;
  }
}

ByteView Arena::frame(std::size_t index) const {
  const std::uint64_t start = index * frame_bytes_;
  return {frames_[index].get(), std::min<std::uint64_t>(frame_bytes_, size_ - start)};
}

SharedBytes Arena::share_frame(std::size_t index) const {
  const ByteView bytes = frame(index);
  if (bytes.size() == frame_bytes_) return SharedBytes(frames_[index], bytes);
  return SharedBytes::copy_of(bytes);
}

}  // namespace cairn::engine
