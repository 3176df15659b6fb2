#include "fsd/format/compression.h"

#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

std::optional<std::string> compressed(const Compression& compression, const std::string& plain) {
  std::string room(plain.size(), '\0');
  const auto length = try_compress(compression, as_bytes(plain),
                                   {reinterpret_cast<std::uint8_t*>(room.data()), room.size()});
  if (!length) return std::nullopt;
  room.resize(*length);
  return room;
}
Result<std::string> restored(Codec codec, const std::string& stored, std::size_t size) {
  std::string plain(size, '\0');
  TRY_OK(decompress(codec, as_bytes(stored),
                    {reinterpret_cast<std::uint8_t*>(plain.data()), plain.size()}));
  return plain;
}

TEST(Compression, GivesBackWhatItCompressed) {
  for (const Compression& compression :
       {Compression{Codec::kLz4, 0}, Compression{Codec::kZstd, 1}, Compression{Codec::kZstd, 9}}) {
    for (const std::size_t size : {64, 1000, 65536}) {
      const std::string plain = text_bytes(size, size);
      const auto stored = compressed(compression, plain);
      if (size == 64 && !stored) continue;
      ASSERT_TRUE(stored) << size;
      EXPECT_LE(stored->size(), plain.size() * 95 / 100);
      EXPECT_EQ(*restored(compression.codec, *stored, size), plain);
    }
  }
}

TEST(Compression, LeavesRandomAndTinyBytesAsTheyAre) {
  for (const Compression& compression : {Compression{Codec::kLz4, 0}, Compression{}}) {
    for (const std::size_t size : {100, 4096, 16384, 65536}) {
      EXPECT_FALSE(compressed(compression, random_bytes(size, size))) << size;
    }
    EXPECT_FALSE(compressed(compression, std::string(63, 'a')));
    EXPECT_FALSE(compressed(compression, ""));
  }
  EXPECT_FALSE(compressed(Compression::none(), text_bytes(65536, 1)));
}

TEST(Compression, RefusesAnyOtherLengthThanTheOneItWas) {
  const std::string plain = text_bytes(5000, 1);
  for (const Compression& compression : {Compression{Codec::kLz4, 0}, Compression{}}) {
    const std::string stored = *compressed(compression, plain);
    EXPECT_TRUE(restored(compression.codec, stored, 5000));
    for (const std::size_t size : {0, 1, 4999, 5001, 100000}) {
      EXPECT_FAILS_WITH(FormatErrc::kDamaged, restored(compression.codec, stored, size));
    }
  }
  EXPECT_TRUE(restored(Codec::kRaw, plain, 5000));
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, restored(Codec::kRaw, plain, 4999));
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, restored(static_cast<Codec>(9), plain, 5000));
}

TEST(Compression, SurvivesDamagedInput) {
  const std::string plain = text_bytes(2000, 1);
  for (const Compression& compression : {Compression{Codec::kLz4, 0}, Compression{}}) {
    const std::string stored = *compressed(compression, plain);
    const auto accepts = [&](std::string_view bytes) {
      return restored(compression.codec, std::string(bytes), plain.size()).has_value();
    };
    expect_every_truncation_refused(stored, accepts);
    refused_bit_flips(stored, accepts);  // the seal finds these; here it need only not crash
  }
}

TEST(Compression, ReadsTheBytesOfVersionOne) {
  const std::string plain = text_bytes(300, 2);
  for (const auto& [name, compression] :
       {std::pair("compressed_v1_lz4", Compression{Codec::kLz4, 0}),
        std::pair("compressed_v1_zstd", Compression{})}) {
    const std::string kept = keep_golden(name, *compressed(compression, plain));
    EXPECT_EQ(*restored(compression.codec, kept, plain.size()), plain);
  }
}

}  // namespace
}  // namespace cairn::format
