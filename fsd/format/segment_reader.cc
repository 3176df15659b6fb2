#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"
#include "fsd/format/segment_layout.h"

namespace cairn::format {
namespace {

/// The frame table from the sizes at the beginning of an opened front.
Result<FrameTable> read_frames(const SegmentLayout& layout, ByteView sizes) {
  FrameTable table = make_frame_table(layout);
  wire::Decoder in(sizes);
  std::uint64_t end = table.data_start;
  for (std::uint32_t i = 0; i < layout.frame_count; ++i) {
    if (!unpack(in.u32(), table.frames[i]) || !plausible(table.frames[i], table.plain_bytes(i))) {
      return damaged("the frame sizes of a segment are damaged");
    }
    end += table.frames[i].stored_bytes;
  }
  if (!in.finished() || end + kSegmentFooterBytes != layout.object_bytes) {
    return damaged("the frame sizes of a segment do not add up");
  }
  return table;
}

Result<Batch> read_batch(const SegmentLayout& layout, ByteView stored) {
  std::string plain;
  resize_for_overwrite(plain, layout.batch_bytes);
  TRY_OK(decompress(layout.batch_codec, stored, writable(plain)));
  return Batch::decode(std::move(plain));
}

Result<void> check_length(const FrameTable& table, std::uint32_t frame, ByteView stored) {
  const FrameEntry& entry = table.frames[frame];
  if (stored.size() != entry.stored_bytes || stored.size() < kSealBytes) {
    return damaged("a frame is cut short");
  }
  if (entry.codec == Codec::kRaw && stored.size() != table.plain_bytes(frame) + kSealBytes) {
    return damaged("a frame has the wrong length");
  }
  return {};
}

}  // namespace

Result<std::uint64_t> segment_front_bytes(ByteView first_bytes) {
  TRY(const SegmentLayout layout, decode_header(first_bytes));
  return layout.data_start();
}

Result<SegmentHeader> decode_segment_header(ByteView first_bytes) {
  TRY(const SegmentLayout layout, decode_header(first_bytes));
  return layout.header;
}

Result<SegmentFront> decode_segment_front(ByteView prefix, std::uint64_t object_bytes,
                                          const Sealer& sealer) {
  TRY(const SegmentLayout layout, decode_header(prefix));
  if (object_bytes != layout.object_bytes) return damaged("a segment has the wrong length");
  if (prefix.size() < layout.data_start()) return damaged("the front of a segment is cut short");
  TRY_OK(check_sealing(static_cast<std::uint8_t>(layout.sealing), sealer));
  TRY(const std::string front,
      segment_sealer(layout.header, sealer)
          .open(kFrontPart, prefix.subspan(kSegmentHeaderBytes, layout.front_bytes),
                prefix.first(kSegmentHeaderBytes)));
  const std::size_t sizes = 4ULL * layout.frame_count;
  SegmentFront result;
  result.header = layout.header;
  TRY(result.frames, read_frames(layout, as_bytes(front).first(sizes)));
  TRY(result.batch, read_batch(layout, as_bytes(front).subspan(sizes)));
  return result;
}

ObjectSealer frame_sealer(const FrameTable& table, const Sealer& sealer) {
  return sealer.for_object(table.repacked ? Domain::kRepacked : Domain::kSegment, table.nonce,
                           table.seq.value(), table.id);
}

Result<void> open_frame(const FrameTable& table, std::uint32_t frame, ByteView stored,
                        const ObjectSealer& sealer, MutableByteView into) {
  CHECK(into.size() == table.plain_bytes(frame));
  TRY_OK(check_length(table, frame, stored));
  const FrameEntry& entry = table.frames[frame];
  if (entry.codec == Codec::kRaw) {
    return sealer.open_into(frame, stored, {}, into);
  }
  thread_local std::string scratch;  // at most one frame
  resize_for_overwrite(scratch, stored.size() - kSealBytes);
  TRY_OK(sealer.open_into(frame, stored, {}, writable(scratch)));
  return decompress(entry.codec, as_bytes(scratch), into);
}

Result<void> open_frame(const FrameTable& table, std::uint32_t frame, ByteView stored,
                        const Sealer& sealer, MutableByteView into) {
  return open_frame(table, frame, stored, frame_sealer(table, sealer), into);
}

bool lies_open(const FrameTable& table, std::uint32_t frame, const ObjectSealer& sealer) {
  return sealer.is_plain() && table.frames[frame].codec == Codec::kRaw;
}

Result<ByteView> open_frame_in_place(const FrameTable& table, std::uint32_t frame, ByteView stored,
                                     const ObjectSealer& sealer) {
  CHECK(lies_open(table, frame, sealer));
  TRY_OK(check_length(table, frame, stored));
  return sealer.open_in_place(frame, stored, {});
}

Result<SegmentFront> verify_segment(ByteView object, const Sealer& sealer) {
  TRY(const SegmentLayout layout, decode_header(object));
  TRY(SegmentFront front, decode_segment_front(object, object.size(), sealer));
  TRY_OK(check_footer(layout, object.first(kSegmentHeaderBytes), object.last(kSegmentFooterBytes)));
  const ObjectSealer opener = frame_sealer(front.frames, sealer);
  std::uint64_t at = front.frames.data_start;
  std::string plain;
  for (std::uint32_t i = 0; i < front.frames.frame_count(); ++i) {
    const std::uint32_t stored = front.frames.frames[i].stored_bytes;
    resize_for_overwrite(plain, front.frames.plain_bytes(i));
    TRY_OK(open_frame(front.frames, i, object.subspan(at, stored), opener, writable(plain)));
    at += stored;
  }
  return front;
}

}  // namespace cairn::format
