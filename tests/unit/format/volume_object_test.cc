#include "fsd/format/volume_object.h"

#include <xxhash.h>

#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

constexpr Argon2Cost kCheap{.passes = 1, .memory_bytes = 8192};

VolumeParameters test_parameters() {
  VolumeParameters parameters;
  parameters.identity = {.volume = {1, 2}, .incarnation = {3, 4}};
  parameters.window = 64;
  parameters.created = 1'700'000'000'000'000'000;
  parameters.compatible_features = 1;
  return parameters;
}
std::string make(std::optional<std::string_view> password, std::uint64_t seed = 1) {
  TestRandom random(seed);
  return *create_volume_object(test_parameters(), password, kCheap, random);
}
Result<UnlockedVolume> open(std::string_view object, std::optional<std::string_view> password) {
  TRY(const VolumeObject volume, VolumeObject::decode(as_bytes(object)));
  return volume.unlock(password);
}
/// Something that only this volume's sealer opens.
bool same_sealer(const Sealer& a, const Sealer& b) {
  const auto sealed = a.for_object(Domain::kTable, {}, 1, {}).seal(0, as_bytes("x"), {});
  return b.for_object(Domain::kTable, {}, 1, {}).open(0, as_bytes(sealed), {}).has_value();
}
/// Changes bytes and makes the checksum right again: what only a forger does.
std::string forged(std::string object, std::size_t at, std::string_view bytes) {
  object.replace(at, bytes.size(), bytes);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(object.data(), object.size() - 16));
  object.replace(object.size() - 16, 16, reinterpret_cast<const char*>(canonical.digest), 16);
  return object;
}

TEST(VolumeObject, OpensWithItsPasswordOrWithout) {
  for (const std::optional<std::string_view> password :
       {std::optional<std::string_view>(), std::optional<std::string_view>("secret")}) {
    const auto volume = open(make(password), password);
    ASSERT_TRUE(volume) << volume.error().message();
    EXPECT_EQ(volume->parameters, test_parameters());
    EXPECT_EQ(volume->sealer.kind() == Sealer::Kind::kEncrypted, password.has_value());
    EXPECT_TRUE(same_sealer(volume->sealer, open(make(password), password)->sealer));
  }
}

TEST(VolumeObject, TellsWrongPasswordsAndDamageApart) {
  const std::string object = make("secret");
  EXPECT_FAILS_WITH(FormatErrc::kWrongPassword, open(object, "Secret"));
  EXPECT_FAILS_WITH(FormatErrc::kWrongPassword, open(object, ""));
  EXPECT_FAILS_WITH(FormatErrc::kWrongPassword, open(object, std::string(5000, 'x')));
  EXPECT_FAILS_WITH(FormatErrc::kPasswordMissing, open(object, std::nullopt));
  EXPECT_FAILS_WITH(FormatErrc::kNotEncrypted, open(make(std::nullopt), "secret"));
  std::string damaged = object;
  damaged[150] ^= 1;
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, open(damaged, "secret"));
}

TEST(VolumeObject, RefusesEveryFlippedBitAndTruncation) {
  for (const std::string& object : {make(std::nullopt), make("secret")}) {
    const auto accepts = [](std::string_view bytes) {
      return VolumeObject::decode(as_bytes(bytes)).has_value();
    };
    expect_every_bit_flip_refused(object, accepts);
    expect_every_truncation_refused(object, accepts);
    EXPECT_FALSE(accepts(object + "x"));
  }
}

TEST(VolumeObject, ChangesItsPasswordAndKeepsItsKey) {
  TestRandom random(9);
  const std::string object = make("old");
  const auto before = open(object, "old");
  const auto changed =
      VolumeObject::decode(as_bytes(object))
          ->change_password("old", "new", {.passes = 2, .memory_bytes = 16384}, random);
  ASSERT_TRUE(changed);
  EXPECT_FAILS_WITH(FormatErrc::kWrongPassword, open(*changed, "old"));
  const auto after = open(*changed, "new");
  ASSERT_TRUE(after);
  EXPECT_TRUE(same_sealer(before->sealer, after->sealer));
  const auto decoded = VolumeObject::decode(as_bytes(object));
  EXPECT_FAILS_WITH(FormatErrc::kWrongPassword,
                    decoded->change_password("bad", "new", kCheap, random));
  EXPECT_FAILS_WITH(FormatErrc::kNotEncrypted, VolumeObject::decode(as_bytes(make(std::nullopt)))
                                                   ->change_password("", "new", kCheap, random));
}

TEST(VolumeObject, BecomesACopyOfItsOwnWithTheSameKey) {
  for (const std::optional<std::string_view> password :
       {std::optional<std::string_view>(), std::optional<std::string_view>("secret")}) {
    TestRandom random(9);
    const std::string object = make(password);
    const auto original = open(object, password);
    const auto copy =
        VolumeObject::decode(as_bytes(object))->with_incarnation(Uuid{99}, password, random);
    ASSERT_TRUE(copy);
    const auto volume = open(*copy, password);
    ASSERT_TRUE(volume) << volume.error().message();
    EXPECT_EQ(volume->parameters.identity.incarnation, Uuid{99});
    EXPECT_EQ(volume->parameters.identity.volume, test_parameters().identity.volume);
    EXPECT_TRUE(same_sealer(volume->sealer, original->sealer));
  }
}

TEST(VolumeObject, VolumesOfOnePasswordHaveKeysOfTheirOwn) {
  EXPECT_FALSE(same_sealer(open(make("secret", 1), "secret")->sealer,
                           open(make("secret", 2), "secret")->sealer));
}

TEST(VolumeObject, AForgedParameterOfAnEncryptedVolumeIsFound) {
  const std::string object = forged(make("secret"), 48, "\x09");  // the window
  ASSERT_TRUE(VolumeObject::decode(as_bytes(object)));
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, open(object, "secret"));
}

TEST(VolumeObject, RefusesParametersAndCostsOutOfBounds) {
  struct Case {
    const char* what;
    std::size_t at;
    std::string bytes;
    FormatErrc expected;
  };
  const Case cases[] = {
      {"a window of 0", 48, std::string(8, '\0'), FormatErrc::kDamaged},
      {"a window past the limit", 48, std::string("\x01\x10", 2), FormatErrc::kDamaged},
      {"frames of no power of two", 12, std::string("\x01\0\x01\0", 4), FormatErrc::kDamaged},
      {"huge frames", 12, std::string("\0\0\0\x40", 4), FormatErrc::kDamaged},
      {"a huge arena", 56, std::string("\0\0\0\0\0\0\0\x01", 8), FormatErrc::kDamaged},
      {"an unknown feature", 72, "\x01", FormatErrc::kNewer},
      {"an unknown compatible feature", 80, "\xFF", FormatErrc{}},
      {"a reserved word", 88, "\x01", FormatErrc::kDamaged},
      {"no such sealing", 10, "\x02", FormatErrc::kDamaged},
      {"an unknown hash of passwords", 96, "\x02", FormatErrc::kNewer},
      {"no passes", 97, std::string(8, '\0'), FormatErrc::kDamaged},
      {"too many passes", 97, "\x41", FormatErrc::kDamaged},
      {"too much memory", 105, std::string("\x01\0\0\x40\0\0\0\0", 8), FormatErrc::kDamaged},
      {"too little memory", 105, std::string("\x01\0\0\0\0\0\0\0", 8), FormatErrc::kDamaged},
      {"a newer version", 8, "\x02", FormatErrc::kNewer},
  };
  for (const Case& c : cases) {
    const auto decoded = VolumeObject::decode(as_bytes(forged(make("secret"), c.at, c.bytes)));
    if (c.expected == FormatErrc{}) {
      EXPECT_TRUE(decoded) << c.what;
    } else {
      ASSERT_FALSE(decoded) << c.what;
      EXPECT_EQ(decoded.error().code, make_error_code(c.expected)) << c.what;
    }
  }
}

TEST(VolumeObject, EveryRefusalIsASentence) {
  EXPECT_NE(open(make("a"), std::nullopt).error().message().find("encrypted"), std::string::npos);
  EXPECT_NE(open(make("a"), "b").error().message().find("password"), std::string::npos);
  EXPECT_NE(open(make({}), "b").error().message().find("not encrypted"), std::string::npos);
}

TEST(VolumeObject, WritesAndReadsTheBytesOfVersionOne) {
  expect_golden("volume_v1_plain", make(std::nullopt));
  expect_golden("volume_v1_encrypted", make("secret"));
  EXPECT_TRUE(open(golden("volume_v1_encrypted"), "secret"));
}

}  // namespace
}  // namespace cairn::format
