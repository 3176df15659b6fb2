#pragma once

// Compression of frames, batches and table blocks. Contexts are kept per thread, since making one
// costs more than compressing a small commit.

#include <cstdint>
#include <optional>
#include <string>

#include "fsd/base/bytes.h"
#include "fsd/base/result.h"

namespace cairn::format {

/// How bytes are stored. The values are part of the format.
enum class Codec : std::uint8_t { kRaw = 0, kLz4 = 1, kZstd = 2 };
inline constexpr std::uint8_t kCodecMax = 2;

/// What the user asked for.
struct Compression {
  Codec codec = Codec::kZstd;
  int level = 3;  // zstd only: 1 to 19
  bool operator==(const Compression&) const = default;
  static Compression none() { return {.codec = Codec::kRaw, .level = 0}; }
};

/// For people: "none", "lz4", "zstd-3".
[[nodiscard]] std::string to_string(const Compression& compression);

/// Compresses into the front of `into`, which must be at least as long as `plain` (and not overlap
/// it). Returns the compressed length, or nothing when it is not worth it: fewer than 5 in 100
/// saved, or bytes that look random in a sample. The caller then stores `plain` as it is. Bytes
/// without compression (Codec::kRaw, or fewer than 64) are never worth it.
[[nodiscard]] std::optional<std::size_t> try_compress(const Compression& compression,
                                                      ByteView plain, MutableByteView into);
/// Fills `into` exactly; anything else is damage. kRaw copies.
/// Fails with: FormatErrc::kDamaged.
[[nodiscard]] Result<void> decompress(Codec codec, ByteView stored, MutableByteView into);

}  // namespace cairn::format
