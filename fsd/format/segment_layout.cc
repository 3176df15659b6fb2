#include "fsd/format/segment_layout.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"

namespace cairn::format {
namespace {

constexpr std::string_view kMagic = "CAIRNSEG";
constexpr std::string_view kFooterMagic = "CAIRNEND";
constexpr std::uint16_t kVersion = 1;
constexpr char kDamaged[] = "the header of a segment is damaged";
constexpr char kNewer[] = "a segment was written by a newer version of Cairn";

std::array<std::uint8_t, kChecksumBytes> checksum(ByteView bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  return std::to_array(canonical.digest);
}

bool consistent(const SegmentLayout& layout) {
  const SegmentHeader& header = layout.header;
  if (!valid_frame_bytes(header.frame_bytes) || header.next_seq <= header.seq) return false;
  if (layout.data_bytes > kArenaBytesMax || layout.batch_bytes > kBatchBytesMax) return false;
  if (layout.frame_count != frames_in(layout.data_bytes, header.frame_bytes)) return false;
  const std::uint64_t least = 4ULL * layout.frame_count + kSealBytes;
  if (layout.front_bytes < least || layout.front_bytes > least + layout.batch_bytes) return false;
  const std::uint64_t frames_least = std::uint64_t{layout.frame_count} * (kSealBytes + 1);
  return layout.object_bytes >= layout.data_start() + frames_least + kSegmentFooterBytes &&
         layout.object_bytes <= layout.data_start() + layout.data_bytes +
                                    std::uint64_t{layout.frame_count} * kSealBytes +
                                    kSegmentFooterBytes;
}

}  // namespace

bool valid_frame_bytes(std::uint32_t frame_bytes) {
  return std::has_single_bit(frame_bytes) && frame_bytes >= kFrameBytesMin &&
         frame_bytes <= kFrameBytesMax;
}

bool plausible(const FrameEntry& frame, std::uint32_t plain_bytes) {
  if (frame.codec == Codec::kRaw) return frame.stored_bytes == plain_bytes + kSealBytes;
  return frame.stored_bytes > kSealBytes && frame.stored_bytes < plain_bytes + kSealBytes;
}

std::uint32_t pack(const FrameEntry& frame) {
  return frame.stored_bytes << 2 | static_cast<std::uint32_t>(frame.codec);
}

bool unpack(std::uint64_t packed, FrameEntry& frame) {
  if (packed > UINT32_MAX || (packed & 3) > kCodecMax) return false;
  frame.stored_bytes = static_cast<std::uint32_t>(packed >> 2);
  frame.codec = static_cast<Codec>(packed & 3);
  return true;
}

std::string encode_header(const SegmentLayout& layout) {
  const SegmentHeader& header = layout.header;
  wire::Encoder out;
  put_magic(out, kMagic, kVersion);
  out.u16(kSegmentHeaderBytes).u8(static_cast<std::uint8_t>(header.kind));
  out.u8(static_cast<std::uint8_t>(layout.sealing))
      .u8(static_cast<std::uint8_t>(layout.batch_codec));
  out.u8(0);
  put_uuid(out, header.identity.volume);
  put_uuid(out, header.identity.incarnation);
  put_uuid(out, header.nonce.bytes);
  put_uuid(out, header.id.bytes);
  put_uuid(out, header.previous.bytes);
  out.u64(header.epoch.value()).u64(header.seq.value()).u64(header.next_seq.value());
  out.u64(layout.object_bytes).u64(layout.data_bytes);
  out.u32(layout.front_bytes).u32(layout.batch_bytes).u32(layout.frame_count);
  out.u32(header.frame_bytes).u64(0);
  out.raw(ByteView(checksum(as_bytes(out.view()))));
  CHECK(out.size() == kSegmentHeaderBytes);
  return std::move(out).take();
}

Result<SegmentLayout> decode_header(ByteView first_bytes) {
  wire::Decoder in(first_bytes);
  TRY_OK(get_magic(in, kMagic, kVersion, kDamaged, kNewer));
  if (first_bytes.size() < kSegmentHeaderBytes) return damaged(kDamaged);
  const ByteView summed = first_bytes.first(kSegmentHeaderBytes - kChecksumBytes);
  if (!std::ranges::equal(checksum(summed), first_bytes.subspan(summed.size(), kChecksumBytes))) {
    return damaged(kDamaged);
  }
  SegmentLayout layout;
  SegmentHeader& header = layout.header;
  const std::uint16_t header_bytes = in.u16();
  const std::uint8_t kind = in.u8();
  const std::uint8_t sealing = in.u8();
  const std::uint8_t codec = in.u8();
  const std::uint8_t reserved = in.u8();
  header.identity.volume = get_uuid(in);
  header.identity.incarnation = get_uuid(in);
  header.nonce.bytes = get_uuid(in);
  header.id.bytes = get_uuid(in);
  header.previous.bytes = get_uuid(in);
  header.epoch = Epoch(in.u64());
  header.seq = Seq(in.u64());
  header.next_seq = Seq(in.u64());
  layout.object_bytes = in.u64();
  layout.data_bytes = in.u64();
  layout.front_bytes = in.u32();
  layout.batch_bytes = in.u32();
  layout.frame_count = in.u32();
  header.frame_bytes = in.u32();
  const std::uint64_t reserved_word = in.u64();
  if (!in.ok() || header_bytes != kSegmentHeaderBytes || reserved != 0 || reserved_word != 0 ||
      kind < 1 || kind > 3 || sealing > 1 || codec > kCodecMax) {
    return damaged(kDamaged);
  }
  header.kind = static_cast<SegmentKind>(kind);
  layout.sealing = static_cast<Sealer::Kind>(sealing);
  layout.batch_codec = static_cast<Codec>(codec);
  if (!consistent(layout)) return damaged(kDamaged);
  return layout;
}

std::string encode_footer(const SegmentLayout& layout, ByteView header) {
  wire::Encoder out;
  out.raw(kFooterMagic).u64(layout.object_bytes).raw(header.last(kChecksumBytes));
  return std::move(out).take();
}

ObjectSealer segment_sealer(const SegmentHeader& header, const Sealer& sealer) {
  const Domain domain =
      header.kind == SegmentKind::kRepacked ? Domain::kRepacked : Domain::kSegment;
  return sealer.for_object(domain, header.nonce, header.seq.value(), header.id);
}

FrameTable make_frame_table(const SegmentLayout& layout) {
  FrameTable table;
  table.seq = layout.header.seq;
  table.nonce = layout.header.nonce;
  table.id = layout.header.id;
  table.repacked = layout.header.kind == SegmentKind::kRepacked;
  if (table.repacked) table.epoch = layout.header.epoch;
  table.data_start = layout.data_start();
  table.data_bytes = layout.data_bytes;
  table.frame_bytes = layout.header.frame_bytes;
  table.frames.resize(layout.frame_count);
  return table;
}

Result<void> check_footer(const SegmentLayout& layout, ByteView header, ByteView footer) {
  if (as_string(footer) != encode_footer(layout, header)) {
    return damaged("the footer of a segment is damaged");
  }
  return {};
}

}  // namespace cairn::format
