#include "fsd/format/manifest.h"

#include "fsd/format/names.h"
#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

Manifest test_manifest() {
  Manifest manifest;
  manifest.identity = {.volume = {1}, .incarnation = {2}};
  manifest.epoch = Epoch(3);
  manifest.nonce = WriterNonce{{4}};
  manifest.generation = 5;
  manifest.checkpoint = {.next_seq = Seq(100), .epoch = Epoch(2), .last = SegmentId{{6}}};
  manifest.tables = {
      {table_name(Epoch(2), 1, TableKind::kBase), 12345, 678, "a", "m", TableKind::kBase},
      {table_name(Epoch(2), 2, TableKind::kBase), 9, 1, "n", "n", TableKind::kBase},
      {table_name(Epoch(3), 1, TableKind::kDelta), 0, 0, "", "", TableKind::kDelta}};
  return manifest;
}

TEST(Manifest, ComesBack) {
  TestRandom random(1);
  for (const Sealer& sealer : {plain_sealer(), secret_sealer()}) {
    const std::string object = encode_manifest(test_manifest(), sealer, random);
    const auto decoded = decode_manifest(as_bytes(object), sealer);
    ASSERT_TRUE(decoded) << decoded.error().message();
    EXPECT_EQ(*decoded, test_manifest());
  }
}

TEST(Manifest, MayHaveNoTables) {
  TestRandom random(1);
  Manifest manifest = test_manifest();
  manifest.tables.clear();
  const std::string object = encode_manifest(manifest, plain_sealer(), random);
  EXPECT_EQ(*decode_manifest(as_bytes(object), plain_sealer()), manifest);
}

TEST(Manifest, IsNeverSealedTwiceAlike) {
  TestRandom random(1);
  const std::string first = encode_manifest(test_manifest(), secret_sealer(), random);
  const std::string second = encode_manifest(test_manifest(), secret_sealer(), random);
  EXPECT_NE(first.substr(96), second.substr(96));
}

TEST(Manifest, RefusesEveryFlippedBitAndTruncation) {
  TestRandom random(1);
  for (const Sealer& sealer : {plain_sealer(), secret_sealer()}) {
    const std::string object = encode_manifest(test_manifest(), sealer, random);
    const auto accepts = [&sealer](std::string_view bytes) {
      return decode_manifest(as_bytes(bytes), sealer).has_value();
    };
    expect_every_bit_flip_refused(object, accepts);
    expect_every_truncation_refused(object, accepts);
    EXPECT_FALSE(accepts(object + "x"));
  }
}

TEST(Manifest, RefusesAnotherWayOfSealingAndSaysWhenItIsNewer) {
  TestRandom random(1);
  std::string object = encode_manifest(test_manifest(), plain_sealer(), random);
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, decode_manifest(as_bytes(object), secret_sealer()));
  object[8] = 2;
  EXPECT_FAILS_WITH(FormatErrc::kNewer, decode_manifest(as_bytes(object), plain_sealer()));
}

TEST(Manifest, WritesTheBytesOfVersionOne) {
  TestRandom random(1);
  expect_golden("manifest_v1_checksummed",
                encode_manifest(test_manifest(), plain_sealer(), random));
  expect_golden("manifest_v1_encrypted", encode_manifest(test_manifest(), secret_sealer(), random));
}

}  // namespace
}  // namespace cairn::format
