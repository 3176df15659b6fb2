#pragma once

// Little-endian encoding of integers, byte strings and counts, as every structure of ours that
// crosses a process or a disk uses it. Pure; knows no Result: a Decoder remembers its first
// failure, yields zeros from then on, and is asked once at the end.

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace cairn::wire {

/// Reads from bytes that it does not own and never reads past their end.
class Decoder {
 public:
  explicit Decoder(std::span<const std::uint8_t> bytes) : rest_(bytes) {}
  explicit Decoder(std::string_view text)
      : rest_(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(integer<1>()); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer<2>()); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer<4>()); }
  std::uint64_t u64() { return integer<8>(); }
  std::int64_t i64() { return static_cast<std::int64_t>(integer<8>()); }
  /// Exactly `count` bytes, pointing into the input.
  std::span<const std::uint8_t> raw(std::size_t count) {
    if (count > rest_.size()) return fail(), std::span<const std::uint8_t>();
    auto bytes = rest_.first(count);
    rest_ = rest_.subspan(count);
    return bytes;
  }
  /// A u32 length, at most `max`, and that many bytes.
  std::string_view string(std::uint32_t max) {
    const std::uint32_t length = u32();
    if (length > max) return fail(), std::string_view();
    auto bytes = raw(length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  /// An unsigned LEB128 number.
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = u8();
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) {
        if (shift == 63 && byte > 1) fail();
        return value;
      }
    }
    fail();
    return 0;
  }
  void fail() {
    failed_ = true;
    rest_ = {};
  }
  [[nodiscard]] bool ok() const { return !failed_; }
  /// No failure, and nothing left over.
  [[nodiscard]] bool finished() const { return !failed_ && rest_.empty(); }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  template <std::size_t N>
  std::uint64_t integer() {
    if (rest_.size() < N) return fail(), 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < N; ++i) value |= static_cast<std::uint64_t>(rest_[i]) << (8 * i);
    rest_ = rest_.subspan(N);
    return value;
  }

  std::span<const std::uint8_t> rest_;
  bool failed_ = false;
};

}  // namespace cairn::wire
