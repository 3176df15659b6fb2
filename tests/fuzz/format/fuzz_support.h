#pragma once

// What the fuzz targets of stored structures share.

#include <xxhash.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "fsd/base/bytes.h"
#include "fsd/base/check.h"
#include "fsd/format/identity.h"
#include "fsd/format/sealer.h"

namespace cairn::format {

/// Writes the XXH3-128 of the first `count` bytes behind them, as our checksums are written.
inline void fix_checksum(std::string& bytes, std::size_t count) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), count));
  std::memcpy(bytes.data() + count, canonical.digest, sizeof canonical.digest);
}

/// Makes the trailer right of the sealed part at [at, at + length), if there is one.
inline void fix_seal(std::string& bytes, const ObjectSealer& sealer, std::uint32_t part,
                     std::size_t at, std::size_t length, ByteView aad) {
  if (length < kSealBytes || at > bytes.size() || length > bytes.size() - at) return;
  const MutableByteView stored(reinterpret_cast<std::uint8_t*>(bytes.data()) + at, length);
  sealer.seal_into(part, stored.first(length - kSealBytes), aad, stored);
}

inline std::uint64_t load(std::string_view bytes, std::size_t at, int width) {
  std::uint64_t value = 0;
  for (int i = 0; i < width; ++i) {
    value |= std::uint64_t{static_cast<std::uint8_t>(bytes[at + i])} << (8 * i);
  }
  return value;
}
inline Uuid load_uuid(std::string_view bytes, std::size_t at) {
  Uuid id{};
  std::memcpy(id.data(), bytes.data() + at, id.size());
  return id;
}
inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Tries what the fuzzer made, as it is and with checksums and seals that are right: else it would
/// hardly ever get behind them.
template <class Try, class Fix>
int try_and_try_fixed(const std::uint8_t* data, std::size_t size, Try try_object, Fix fixed) {
  const std::string_view input = text_of(data, size);
  try_object(input);
  try_object(fixed(std::string(input)));
  return 0;
}

}  // namespace cairn::format
