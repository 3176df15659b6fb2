#include "fsd/format/segment.h"

#include "fsd/format/keys.h"
#include "fsd/format/names.h"
#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

SegmentHeader test_header() {
  SegmentHeader header;
  header.identity = {.volume = {1}, .incarnation = {2}};
  header.epoch = Epoch(3);
  header.nonce = WriterNonce{{4}};
  header.seq = Seq(0x105);
  header.id = SegmentId{{6}};
  header.previous = SegmentId{{7}};
  header.next_seq = Seq(0x106);
  header.frame_bytes = 4096;
  return header;
}
const std::vector<BatchEntry>& test_entries() {
  static const std::vector<std::pair<std::string, std::string>> kept = [] {
    std::vector<std::pair<std::string, std::string>> all;
    for (std::uint64_t i = 0; i < 20; ++i) all.emplace_back(inode_key(Ino(i)), "a small inode");
    return all;
  }();
  static const std::vector<BatchEntry> entries = [] {
    std::vector<BatchEntry> all;
    for (const auto& [key, value] : kept) all.push_back({key, value});
    all.back().value.reset();
    return all;
  }();
  return entries;
}
SealedSegment sealed_with(const SegmentHeader& header, const std::string& data,
                          const Compression& compression, const Sealer& sealer) {
  return seal_segment(header, test_entries(), split_frames(as_bytes(data), header.frame_bytes),
                      compression, sealer);
}
/// Text, then random bytes, then a short rest: frames of both kinds.
std::string test_data() {
  return text_bytes(8192, 1) + random_bytes(16384, 2) + text_bytes(100, 3);
}

Result<std::string> read_all(const std::string& object, const FrameTable& table,
                             const Sealer& sealer) {
  std::string data(table.data_bytes, '\0');
  const MutableByteView all(reinterpret_cast<std::uint8_t*>(data.data()), data.size());
  for (std::uint32_t frame = 0; frame < table.frame_count(); ++frame) {
    const StoredRange range = table.stored_range(frame);
    TRY_OK(open_frame(
        table, frame, as_bytes(object).subspan(range.offset, range.length), sealer,
        all.subspan(std::uint64_t{frame} * table.frame_bytes, table.plain_bytes(frame))));
  }
  return data;
}

struct Case {
  const char* name;
  Sealer sealer;
  Compression compression;
};
class EverySegment : public testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] const Sealer& sealer() const { return GetParam().sealer; }
  [[nodiscard]] const Compression& compression() const { return GetParam().compression; }
};
INSTANTIATE_TEST_SUITE_P(Segments, EverySegment,
                         testing::Values(Case{"PlainRaw", plain_sealer(), Compression::none()},
                                         Case{"PlainLz4", plain_sealer(),
                                              Compression{Codec::kLz4, 0}},
                                         Case{"PlainZstd", plain_sealer(), Compression{}},
                                         Case{"EncryptedRaw", secret_sealer(), Compression::none()},
                                         Case{"EncryptedZstd", secret_sealer(), Compression{}}),
                         [](const auto& info) { return info.param.name; });

TEST_P(EverySegment, GivesBackHeaderBatchAndData) {
  const SealedSegment sealed = sealed_with(test_header(), test_data(), compression(), sealer());
  const auto front = decode_segment_front(as_bytes(sealed.object), sealed.object.size(), sealer());
  ASSERT_TRUE(front) << front.error().message();
  EXPECT_EQ(front->header, test_header());
  EXPECT_EQ(front->frames, sealed.frames);
  EXPECT_TRUE(std::ranges::equal(front->batch.entries(), test_entries()));
  const auto data = read_all(sealed.object, sealed.frames, sealer());
  ASSERT_TRUE(data);
  EXPECT_EQ(*data, test_data());
  EXPECT_TRUE(verify_segment(as_bytes(sealed.object), sealer()));
}

TEST_P(EverySegment, NeedsItsFrontAloneForRecovery) {
  const SealedSegment sealed = sealed_with(test_header(), test_data(), compression(), sealer());
  const ByteView object = as_bytes(sealed.object);
  const auto needed = segment_front_bytes(object.first(kSegmentHeaderBytes));
  ASSERT_TRUE(needed);
  EXPECT_EQ(*needed, sealed.frames.data_start);
  EXPECT_TRUE(decode_segment_front(object.first(*needed), object.size(), sealer()));
  EXPECT_FAILS_WITH(FormatErrc::kDamaged,
                    decode_segment_front(object.first(*needed - 1), object.size(), sealer()));
}

TEST_P(EverySegment, RefusesEveryFlippedBit) {
  SegmentHeader header = test_header();
  const SealedSegment sealed = sealed_with(header, text_bytes(300, 1), compression(), sealer());
  expect_every_bit_flip_refused(sealed.object, [this](std::string_view bytes) {
    return verify_segment(as_bytes(bytes), sealer()).has_value();
  });
}

TEST_P(EverySegment, RefusesEveryTruncation) {
  const SealedSegment sealed =
      sealed_with(test_header(), text_bytes(300, 1), compression(), sealer());
  expect_every_truncation_refused(sealed.object, [this](std::string_view bytes) {
    return decode_segment_front(as_bytes(bytes), bytes.size(), sealer()).has_value();
  });
  expect_every_truncation_refused(sealed.object, [this](std::string_view bytes) {
    return verify_segment(as_bytes(bytes), sealer()).has_value();
  });
  const std::string longer = sealed.object + "x";
  EXPECT_FALSE(decode_segment_front(as_bytes(longer), longer.size(), sealer()));
}

TEST_P(EverySegment, RefusesFramesThatChangePlaces) {
  const std::string data = random_bytes(8192, 4);  // two frames of one length
  SealedSegment sealed = sealed_with(test_header(), data, compression(), sealer());
  const StoredRange first = sealed.frames.stored_range(0);
  const ByteView object = as_bytes(sealed.object);
  std::string into(4096, '\0');
  const MutableByteView room(reinterpret_cast<std::uint8_t*>(into.data()), into.size());
  const ByteView stored = object.subspan(first.offset, first.length);
  EXPECT_TRUE(open_frame(sealed.frames, 0, stored, sealer(), room));
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, open_frame(sealed.frames, 1, stored, sealer(), room));
  EXPECT_FAILS_WITH(FormatErrc::kDamaged,
                    open_frame(sealed.frames, 0, stored.first(100), sealer(), room));
  sealed.frames.id = SegmentId{{99}};  // another author's segment of that seq
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, open_frame(sealed.frames, 0, stored, sealer(), room));
}

TEST_P(EverySegment, MayHaveNeitherDataNorEntries) {
  SegmentHeader header = test_header();
  header.kind = SegmentKind::kEpochStart;
  header.next_seq = Seq(header.seq.value() + kWindowDefault);
  const SealedSegment sealed = seal_segment(header, {}, {}, compression(), sealer());
  const auto front = verify_segment(as_bytes(sealed.object), sealer());
  ASSERT_TRUE(front);
  EXPECT_EQ(front->header, header);
  EXPECT_TRUE(front->batch.entries().empty());
  EXPECT_EQ(front->frames.frame_count(), 0U);
  EXPECT_EQ(sealed.object.size(), kSegmentHeaderBytes + kSealBytes + kSegmentFooterBytes);
}

TEST_P(EverySegment, RefusesObjectsOfAVolumeThatIsSealedOtherwise) {
  const SealedSegment sealed = sealed_with(test_header(), test_data(), compression(), sealer());
  const Sealer other =
      sealer().kind() == Sealer::Kind::kEncrypted ? plain_sealer() : secret_sealer();
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, verify_segment(as_bytes(sealed.object), other));
}

TEST(Segment, StoresRandomFramesAsTheyAreAndOthersCompressed) {
  const SealedSegment sealed = sealed_with(test_header(), test_data(), {}, plain_sealer());
  const auto& frames = sealed.frames.frames;
  ASSERT_EQ(frames.size(), 7U);
  EXPECT_EQ(frames[0].codec, Codec::kZstd);
  EXPECT_EQ(frames[3].codec, Codec::kRaw);
  EXPECT_LT(sealed.object.size(), test_data().size());
}

TEST(Segment, TwoAuthorsOfOneSeqSealDifferently) {
  SegmentHeader other = test_header();
  other.nonce = WriterNonce{{44}};
  const std::string data = text_bytes(1000, 1);
  const SealedSegment mine = sealed_with(test_header(), data, {}, secret_sealer());
  const SealedSegment theirs = sealed_with(other, data, {}, secret_sealer());
  const StoredRange range = mine.frames.stored_range(0);
  EXPECT_NE(mine.object.substr(range.offset, range.length),
            theirs.object.substr(range.offset, range.length));
}

TEST(Segment, SaysWhenItIsOfANewerVersion) {
  std::string object = sealed_with(test_header(), "", {}, plain_sealer()).object;
  object[8] = 2;
  EXPECT_FAILS_WITH(FormatErrc::kNewer, segment_front_bytes(as_bytes(object)));
  EXPECT_FAILS_WITH(FormatErrc::kNewer, decode_segment_header(as_bytes(object)));
}

TEST(Segment, ShowsItsHeaderWithoutAnyKey) {
  const SealedSegment sealed = sealed_with(test_header(), test_data(), {}, secret_sealer());
  const auto header = decode_segment_header(as_bytes(sealed.object).first(kSegmentHeaderBytes));
  ASSERT_TRUE(header);
  EXPECT_EQ(*header, test_header());
}

TEST(Segment, TakesALargeArena) {
  SegmentHeader header = test_header();
  header.frame_bytes = kFrameBytesDefault;
  const std::string data = text_bytes(3U << 20, 5) + random_bytes(1000001, 6);
  const SealedSegment sealed = sealed_with(header, data, {}, secret_sealer());
  const auto front =
      decode_segment_front(as_bytes(sealed.object), sealed.object.size(), secret_sealer());
  ASSERT_TRUE(front);
  EXPECT_EQ(*read_all(sealed.object, front->frames, secret_sealer()), data);
}

// Golden bytes hold for encoders only where no compression library has a say.
TEST(Segment, WritesTheBytesOfVersionOne) {
  const std::string data = text_bytes(5000, 1);
  for (const auto& [name, sealer] : {std::pair("segment_v1_checksummed", plain_sealer()),
                                     std::pair("segment_v1_encrypted", secret_sealer())}) {
    expect_golden(name, sealed_with(test_header(), data, Compression::none(), sealer).object);
  }
  SegmentHeader start = test_header();
  start.kind = SegmentKind::kEpochStart;
  expect_golden("segment_v1_epoch_start",
                seal_segment(start, {}, {}, Compression::none(), plain_sealer()).object);
}

TEST(Segment, ReadsTheBytesOfVersionOne) {
  const std::string data = text_bytes(5000, 1);
  struct Kept {
    const char* name;
    Compression compression;
    Sealer sealer;
  };
  const Kept all[] = {{"segment_v1_zstd", {}, plain_sealer()},
                      {"segment_v1_lz4", {Codec::kLz4, 0}, plain_sealer()},
                      {"segment_v1_encrypted_zstd", {}, secret_sealer()},
                      {"segment_v1_encrypted", Compression::none(), secret_sealer()}};
  for (const Kept& kept : all) {
    const std::string object = keep_golden(
        kept.name, sealed_with(test_header(), data, kept.compression, kept.sealer).object);
    const auto front = verify_segment(as_bytes(object), kept.sealer);
    ASSERT_TRUE(front) << kept.name;
    EXPECT_EQ(front->header, test_header());
    EXPECT_TRUE(std::ranges::equal(front->batch.entries(), test_entries()));
    EXPECT_EQ(*read_all(object, front->frames, kept.sealer), data);
  }
}

}  // namespace
}  // namespace cairn::format
