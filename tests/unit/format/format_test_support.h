#pragma once

// What the tests of the formats share: repeatable randomness, damage in every place, golden bytes.

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "fsd/base/bytes.h"
#include "fsd/base/random.h"
#include "fsd/base/result.h"
#include "fsd/format/format_error.h"
#include "fsd/format/sealer.h"

namespace cairn::format {

/// SplitMix64. Golden bytes hang on it: never change it.
class TestRandom final : public Random {
 public:
  explicit TestRandom(std::uint64_t seed) : state_(seed) {}
  void fill(MutableByteView bytes) override {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i % 8 == 0) word_ = step();
      bytes[i] = static_cast<std::uint8_t>(word_ >> (8 * (i % 8)));
    }
  }

 private:
  std::uint64_t step() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
  std::uint64_t word_ = 0;
};

inline std::string random_bytes(std::size_t count, std::uint64_t seed) {
  std::string bytes(count, '\0');
  TestRandom(seed).fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  return bytes;
}
/// Text that compresses about threefold.
inline std::string text_bytes(std::size_t count, std::uint64_t seed) {
  static constexpr std::string_view kWords[] = {"segment ", "frame ",  "epoch ", "manifest ",
                                                "writer ",  "bucket ", "log ",   "checkpoint "};
  TestRandom random(seed);
  std::string text;
  while (text.size() < count) text += kWords[random.below(8)];
  text.resize(count);
  return text;
}

inline VolumeKey test_volume_key() {
  VolumeKey key;
  TestRandom(7).fill(key.bytes);
  return key;
}
inline Sealer plain_sealer() { return Sealer::checksummed(); }
inline Sealer secret_sealer() { return Sealer::encrypted(test_volume_key()); }

/// The code of an error, as a Result of any kind has it; success has none.
template <class T>
std::error_code code_of(const Result<T>& result) {
  return result ? std::error_code() : result.error().code;
}
#define EXPECT_FAILS_WITH(errc, ...) EXPECT_EQ(code_of(__VA_ARGS__), make_error_code(errc))

/// True if the bytes decode.
using Accepts = std::function<bool(std::string_view)>;
void expect_every_truncation_refused(const std::string& bytes, const Accepts& accepts);
void expect_every_bit_flip_refused(const std::string& bytes, const Accepts& accepts);
/// For records without a checksum: a flip may give another valid record, but no crash. Returns how
/// many were refused.
std::size_t refused_bit_flips(const std::string& bytes, const Accepts& accepts);

/// The bytes kept in tests/golden/format/<name>.hex.
std::string golden(const std::string& name);
/// Today's encoder still writes these bytes. With CAIRN_WRITE_GOLDEN=1, a file that is missing is
/// written; one that exists never is.
void expect_golden(const std::string& name, const std::string& bytes);
/// Only makes sure that the golden file exists (for bytes that hang on the version of a compression
/// library); returns what it holds.
std::string keep_golden(const std::string& name, const std::string& bytes);

}  // namespace cairn::format
