// Input: a byte of codec, two bytes of length, compressed bytes.

#include "fsd/format/compression.h"

#include "tests/fuzz/format/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn;
  using namespace cairn::format;
  if (size < 3) return 0;
  const ByteView input(data, size);
  std::string plain(data[1] | data[2] << 8, '\0');
  const MutableByteView into(reinterpret_cast<std::uint8_t*>(plain.data()), plain.size());
  (void)decompress(static_cast<Codec>(data[0] % 4), input.subspan(3), into);

  const Compression compression{.codec = data[0] % 2 == 0 ? Codec::kLz4 : Codec::kZstd, .level = 1};
  std::string room(size, '\0');
  const MutableByteView stored(reinterpret_cast<std::uint8_t*>(room.data()), room.size());
  if (const auto length = try_compress(compression, input, stored)) {
    std::string back(size, '\0');
    CHECK(decompress(compression.codec, stored.first(*length),
                     {reinterpret_cast<std::uint8_t*>(back.data()), back.size()}));
    CHECK(as_bytes(back).size() == input.size() && back == text_of(data, size));
  }
  return 0;
}
