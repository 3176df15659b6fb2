#include "fsd/format/segment.h"

#include "tests/fuzz/format/fuzz_support.h"

namespace cairn::format {
namespace {

void try_object(std::string_view object) {
  const Sealer sealer = Sealer::checksummed();
  const auto needed = segment_front_bytes(as_bytes(object));
  const auto front = decode_segment_front(as_bytes(object), object.size(), sealer);
  if (!front) {
    CHECK(!verify_segment(as_bytes(object), sealer));
    return;
  }
  CHECK(needed && *needed == front->frames.data_start && *needed <= object.size());
  const StoredRange all = front->frames.stored_range(0, front->frames.frame_count());
  CHECK(all.offset + all.length + kSegmentFooterBytes == object.size());
  CHECK(*decode_frame_table(front->header.seq, encode(front->frames)) == front->frames);
  (void)verify_segment(as_bytes(object), sealer);
  const SealedSegment again =
      seal_segment(front->header, front->batch.entries(), {}, Compression::none(), sealer);
  CHECK(verify_segment(as_bytes(again.object), sealer));
}

/// Makes the checksums of header, front and frames right.
std::string fixed(std::string object) {
  constexpr std::size_t kSummed = kSegmentHeaderBytes - 16;
  if (object.size() < kSegmentHeaderBytes) return object;
  object.replace(0, 12, std::string("CAIRNSEG\x01\0\xB0\0", 12));
  object[13] = 0;
  const std::string length({static_cast<char>(object.size()), static_cast<char>(object.size() >> 8),
                            static_cast<char>(object.size() >> 16), 0, 0, 0, 0, 0});
  object.replace(120, 8, length);
  const std::uint64_t front_bytes = load(object, 136, 4);
  const std::uint64_t frames = load(object, 144, 4);
  fix_checksum(object, kSummed);
  const std::string header = object.substr(0, kSegmentHeaderBytes);
  const Domain domain = object[12] == 3 ? Domain::kRepacked : Domain::kSegment;
  const ObjectSealer sealer =
      Sealer::checksummed().for_object(domain, WriterNonce{load_uuid(object, 48)},
                                       load(object, 104, 8), SegmentId{load_uuid(object, 64)});
  fix_seal(object, sealer, UINT32_MAX, kSegmentHeaderBytes, front_bytes, as_bytes(header));
  std::size_t at = kSegmentHeaderBytes + front_bytes;
  for (std::uint32_t i = 0; i < frames && i < 64; ++i) {
    const std::size_t entry = kSegmentHeaderBytes + std::size_t{4} * i;
    if (entry + 4 > object.size()) break;
    const std::size_t stored = load(object, entry, 4) >> 2;
    fix_seal(object, sealer, i, at, stored, {});
    at += stored;
  }
  if (object.size() >= kSegmentHeaderBytes + kSegmentFooterBytes) {
    object.replace(object.size() - kSegmentFooterBytes, kSegmentFooterBytes,
                   "CAIRNEND" + length + object.substr(kSummed, 16));
  }
  return object;
}

}  // namespace
}  // namespace cairn::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return cairn::format::try_and_try_fixed(data, size, cairn::format::try_object,
                                          cairn::format::fixed);
}
