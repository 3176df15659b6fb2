#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace cairn {

using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

/// A run of bytes in memory that its holders share. Immutable once shared.
/// Threads: any; the count is atomic.
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(std::shared_ptr<const void> owner, ByteView view)
      : owner_(std::move(owner)), view_(view) {}

  /// Takes the string's bytes over without copying them.
  static SharedBytes from(std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    ByteView view(reinterpret_cast<const std::uint8_t*>(owner->data()), owner->size());
    return SharedBytes(std::move(owner), view);
  }
  static SharedBytes copy_of(ByteView bytes) {
    return from(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  [[nodiscard]] SharedBytes slice(std::size_t offset, std::size_t length) const {
    return SharedBytes(owner_, view_.subspan(offset, length));
  }
  [[nodiscard]] ByteView view() const { return view_; }
  [[nodiscard]] std::size_t size() const { return view_.size(); }
  [[nodiscard]] bool empty() const { return view_.empty(); }

 private:
  std::shared_ptr<const void> owner_;
  ByteView view_;
};

[[nodiscard]] inline std::string_view as_string(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Makes `bytes` `size` long without writing zeros into what will be overwritten anyway.
inline void resize_for_overwrite(std::string& bytes, std::size_t size) {
  // libstdc++ 12 hands the operation the capacity that it grew to, not `size`.
  bytes.resize_and_overwrite(size, [size](char*, std::size_t) { return size; });
}

}  // namespace cairn
