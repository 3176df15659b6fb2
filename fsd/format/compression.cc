#include "fsd/format/compression.h"

#include <lz4.h>
#include <zstd.h>

#include <array>
#include <climits>
#include <cstring>
#include <memory>

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"

namespace cairn::format {
namespace {

constexpr std::size_t kPlainBytesMin = 64;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* compress_context() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  CHECK(context != nullptr);
  return context.get();
}
ZSTD_DCtx* decompress_context() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  CHECK(context != nullptr);
  return context.get();
}

/// Whether four KiB, taken evenly, have byte counts as even as random bytes would: Pearson's
/// chi-squared over 256 classes, 255 +- 23 for random ones. Media files, archives and encrypted
/// data come near that; text, code and database pages lie in the tens of thousands. Misses
/// repetition of random runs, which is rare enough to be stored as it is.
bool looks_random(ByteView plain) {
  constexpr std::size_t kPieces = 4;
  constexpr std::size_t kPieceBytes = 1024;
  if (plain.size() < 16 * kPieceBytes) return false;
  std::array<std::uint32_t, 256> counts{};
  const std::size_t stride = (plain.size() - kPieceBytes) / (kPieces - 1);
  for (std::size_t piece = 0; piece < kPieces; ++piece) {
    for (const std::uint8_t byte : plain.subspan(piece * stride, kPieceBytes)) ++counts[byte];
  }
  std::uint64_t squares = 0;
  for (const std::uint32_t count : counts) squares += std::uint64_t{count} * count;
  // sum (n - e)^2 / e = sum n^2 / e - N, with e = 16 and N = 4096.
  return squares / 16 - kPieces * kPieceBytes < 350;
}

}  // namespace

std::string to_string(const Compression& compression) {
  switch (compression.codec) {
    case Codec::kRaw:
      return "none";
    case Codec::kLz4:
      return "lz4";
    case Codec::kZstd:
      return "zstd-" + std::to_string(compression.level);
  }
  return "none";
}

std::optional<std::size_t> try_compress(const Compression& compression, ByteView plain,
                                        MutableByteView into) {
  CHECK(into.size() >= plain.size() && plain.size() < INT_MAX);
  if (compression.codec == Codec::kRaw || plain.size() < kPlainBytesMin) return std::nullopt;
  if (looks_random(plain)) return std::nullopt;
  const std::size_t room = plain.size() - plain.size() / 20 - 1;  // gives up when it gets longer
  if (compression.codec == Codec::kLz4) {
    const int length = LZ4_compress_default(reinterpret_cast<const char*>(plain.data()),
                                            reinterpret_cast<char*>(into.data()),
                                            static_cast<int>(plain.size()), static_cast<int>(room));
    return length > 0 ? std::optional<std::size_t>(static_cast<std::size_t>(length)) : std::nullopt;
  }
  const std::size_t length = ZSTD_compressCCtx(compress_context(), into.data(), room, plain.data(),
                                               plain.size(), compression.level);
  return ZSTD_isError(length) != 0 ? std::nullopt : std::optional<std::size_t>(length);
}

Result<void> decompress(Codec codec, ByteView stored, MutableByteView into) {
  const Error failure = damaged("compressed bytes are damaged");
  switch (codec) {
    case Codec::kRaw:
      if (stored.size() != into.size()) return failure;
      if (!into.empty()) std::memcpy(into.data(), stored.data(), into.size());
      return {};
    case Codec::kLz4: {
      if (stored.size() > INT_MAX || into.size() > INT_MAX) return failure;
      const int length = LZ4_decompress_safe(
          reinterpret_cast<const char*>(stored.data()), reinterpret_cast<char*>(into.data()),
          static_cast<int>(stored.size()), static_cast<int>(into.size()));
      if (length < 0 || static_cast<std::size_t>(length) != into.size()) return failure;
      return {};
    }
    case Codec::kZstd: {
      const std::size_t length = ZSTD_decompressDCtx(decompress_context(), into.data(), into.size(),
                                                     stored.data(), stored.size());
      if (ZSTD_isError(length) != 0 || length != into.size()) return failure;
      return {};
    }
  }
  return failure;
}

}  // namespace cairn::format
