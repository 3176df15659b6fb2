#include <bit>

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"
#include "fsd/format/names.h"
#include "fsd/format/segment_layout.h"

namespace cairn::format {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kRepackedFlag = 1;
constexpr std::uint64_t kDataStartMax =
    kSegmentHeaderBytes + kBatchBytesMax + 4ULL * kFramesMax + kSealBytes;
constexpr char kDamaged[] = "a frame table is damaged";

}  // namespace

std::uint32_t FrameTable::plain_bytes(std::uint32_t frame) const {
  CHECK(frame < frames.size());
  const std::uint64_t start = std::uint64_t{frame} * frame_bytes;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(frame_bytes, data_bytes - start));
}

StoredRange FrameTable::stored_range(std::uint32_t frame, std::uint32_t count) const {
  CHECK(frame <= frames.size() && count <= frames.size() - frame);
  StoredRange range{.offset = data_start, .length = 0};
  for (std::uint32_t i = 0; i < frame; ++i) range.offset += frames[i].stored_bytes;
  for (std::uint32_t i = 0; i < count; ++i) range.length += frames[frame + i].stored_bytes;
  return range;
}

std::string FrameTable::object_name() const {
  return repacked ? data_name(epoch, seq) : log_name(seq);
}

std::string encode(const FrameTable& table) {
  wire::Encoder out;
  out.u8(kVersion).u8(table.repacked ? kRepackedFlag : 0);
  put_uuid(out, table.nonce.bytes);
  put_uuid(out, table.id.bytes);
  if (table.repacked) out.varint(table.epoch.value());
  out.varint(table.data_start).varint(table.data_bytes);
  out.u8(static_cast<std::uint8_t>(std::countr_zero(table.frame_bytes)));
  for (const FrameEntry& frame : table.frames) out.varint(pack(frame));
  return std::move(out).take();
}

Result<FrameTable> decode_frame_table(Seq seq, std::string_view bytes) {
  wire::Decoder in(bytes);
  TRY_OK(
      get_version(in, kVersion, kDamaged, "a frame table was written by a newer version of Cairn"));
  FrameTable table;
  table.seq = seq;
  const std::uint8_t flags = in.u8();
  table.repacked = (flags & kRepackedFlag) != 0;
  table.nonce.bytes = get_uuid(in);
  table.id.bytes = get_uuid(in);
  if (table.repacked) table.epoch = Epoch(in.varint());
  table.data_start = get_varint(in, kDataStartMax);
  table.data_bytes = get_varint(in, kArenaBytesMax);
  const std::uint8_t shift = in.u8();
  table.frame_bytes = shift < 32 ? 1U << shift : 0;
  if (!in.ok() || flags > kRepackedFlag || !valid_frame_bytes(table.frame_bytes) ||
      table.data_start < kSegmentHeaderBytes) {
    return damaged(kDamaged);
  }
  const std::uint64_t count = frames_in(table.data_bytes, table.frame_bytes);
  if (count > in.left()) return damaged(kDamaged);  // a frame takes a byte at least
  table.frames.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!unpack(in.varint(), table.frames[i]) ||
        !plausible(table.frames[i], table.plain_bytes(i))) {
      return damaged(kDamaged);
    }
  }
  if (!in.finished()) return damaged(kDamaged);
  return table;
}

}  // namespace cairn::format
