#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cairn::wire {

/// Appends little-endian integers and byte strings to a string. The counterpart of Decoder.
class Encoder {
 public:
  Encoder() = default;
  /// With room for so many bytes from the beginning.
  explicit Encoder(std::size_t bytes) { out_.reserve(bytes); }
  Encoder& u8(std::uint8_t value) { return integer<1>(value); }
  Encoder& u16(std::uint16_t value) { return integer<2>(value); }
  Encoder& u32(std::uint32_t value) { return integer<4>(value); }
  Encoder& u64(std::uint64_t value) { return integer<8>(value); }
  Encoder& i64(std::int64_t value) { return integer<8>(static_cast<std::uint64_t>(value)); }
  Encoder& raw(std::string_view bytes) {
    out_.append(bytes);
    return *this;
  }
  Encoder& raw(std::span<const std::uint8_t> bytes) {
    out_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return *this;
  }
  /// A u32 length and the bytes.
  Encoder& string(std::string_view bytes) {
    return u32(static_cast<std::uint32_t>(bytes.size())).raw(bytes);
  }
  /// An unsigned LEB128 number.
  Encoder& varint(std::uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out_.push_back(static_cast<char>(value));
    return *this;
  }
  [[nodiscard]] std::size_t size() const { return out_.size(); }
  [[nodiscard]] std::string_view view() const { return out_; }
  /// Overwrites four bytes that were written before, for lengths known only at the end.
  void patch_u32(std::size_t at, std::uint32_t value) {
    for (int i = 0; i < 4; ++i) out_[at + i] = static_cast<char>(value >> (8 * i));
  }
  std::string take() && { return std::move(out_); }

 private:
  template <int N>
  Encoder& integer(std::uint64_t value) {
    char bytes[N];
    for (int i = 0; i < N; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
    out_.append(bytes, N);
    return *this;
  }

  std::string out_;
};

}  // namespace cairn::wire
