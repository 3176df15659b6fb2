#include <algorithm>

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"
#include "fsd/format/segment_layout.h"

namespace cairn::format {
namespace {

/// Seals one frame at the front of `into`, which has room for it as it is.
FrameEntry seal_frame(const ObjectSealer& sealer, std::uint32_t index, ByteView plain,
                      const Compression& compression, MutableByteView into) {
  if (const auto length = try_compress(compression, plain, into)) {
    const MutableByteView stored = into.first(*length + kSealBytes);
    sealer.seal_into(index, stored.first(*length), {}, stored);
    return {.stored_bytes = static_cast<std::uint32_t>(stored.size()), .codec = compression.codec};
  }
  const MutableByteView stored = into.first(plain.size() + kSealBytes);
  sealer.seal_into(index, plain, {}, stored);
  return {.stored_bytes = static_cast<std::uint32_t>(stored.size()), .codec = Codec::kRaw};
}

std::size_t room_for(std::span<const ByteView> frames) {
  std::size_t bytes = 0;
  for (const ByteView& frame : frames) bytes += frame.size() + kSealBytes;
  return bytes;
}

std::string encode_batch(std::span<const BatchEntry> entries) {
  // What a reader would refuse must not be written: it would be found at the next recovery.
  CHECK(entries.size() <= kBatchEntriesMax);
  BatchWriter batch;
  std::size_t key_bytes = 0;
  for (const BatchEntry& entry : entries) {
    batch.add(entry);
    key_bytes += entry.key.size();
  }
  CHECK(batch.bytes() <= kBatchBytesMax && key_bytes <= kBatchKeyBytesMax);
  return batch.take();
}

/// An object in the making. The batch goes into its place first; then the caller writes the frames
/// to frames_room(); finish() completes and seals the front.
class SegmentBuilder {
 public:
  SegmentBuilder(const SegmentHeader& header, std::span<const BatchEntry> entries,
                 std::uint64_t data_bytes, std::size_t frames_room, const Compression& compression,
                 const Sealer& sealer)
      : sealer_(segment_sealer(header, sealer)) {
    CHECK(valid_frame_bytes(header.frame_bytes) && header.next_seq > header.seq);
    CHECK(data_bytes <= kArenaBytesMax);
    const std::string batch = encode_batch(entries);
    layout_.header = header;
    layout_.sealing = sealer.kind();
    layout_.data_bytes = data_bytes;
    layout_.frame_count = static_cast<std::uint32_t>(frames_in(data_bytes, header.frame_bytes));
    layout_.batch_bytes = static_cast<std::uint32_t>(batch.size());
    const std::size_t batch_at = kSegmentHeaderBytes + 4ULL * layout_.frame_count;
    resize_for_overwrite(object_,
                         batch_at + batch.size() + kSealBytes + frames_room + kSegmentFooterBytes);
    const MutableByteView place = writable(object_).subspan(batch_at);
    std::size_t stored = batch.size();
    if (const auto length = try_compress(compression, as_bytes(batch), place)) {
      stored = *length;
      layout_.batch_codec = compression.codec;
    } else {
      std::ranges::copy(as_bytes(batch), place.begin());
    }
    layout_.front_bytes =
        static_cast<std::uint32_t>(4ULL * layout_.frame_count + stored + kSealBytes);
  }

  [[nodiscard]] const ObjectSealer& sealer() const { return sealer_; }
  [[nodiscard]] MutableByteView frames_room() {
    const MutableByteView all = writable(object_);
    return all.subspan(layout_.data_start(),
                       all.size() - layout_.data_start() - kSegmentFooterBytes);
  }

  SealedSegment finish(std::vector<FrameEntry> frames, std::size_t frames_stored) {
    CHECK(frames.size() == layout_.frame_count);
    layout_.object_bytes = layout_.data_start() + frames_stored + kSegmentFooterBytes;
    object_.resize(layout_.object_bytes);
    const std::string header = encode_header(layout_);
    object_.replace(0, header.size(), header);
    wire::Encoder sizes;
    for (const FrameEntry& frame : frames) sizes.u32(pack(frame));
    object_.replace(header.size(), sizes.size(), sizes.view());
    const MutableByteView front =
        writable(object_).subspan(kSegmentHeaderBytes, layout_.front_bytes);
    sealer_.seal_into(kFrontPart, front.first(front.size() - kSealBytes), as_bytes(header), front);
    const std::string footer = encode_footer(layout_, as_bytes(header));
    object_.replace(object_.size() - footer.size(), footer.size(), footer);
    FrameTable table = make_frame_table(layout_);
    table.frames = std::move(frames);
    return {.object = std::move(object_), .frames = std::move(table)};
  }

 private:
  ObjectSealer sealer_;
  SegmentLayout layout_;
  std::string object_;
};

}  // namespace

std::vector<ByteView> split_frames(ByteView data, std::uint32_t frame_bytes) {
  std::vector<ByteView> frames;
  frames.reserve(frames_in(data.size(), frame_bytes));
  for (std::size_t at = 0; at < data.size(); at += frame_bytes) {
    frames.push_back(data.subspan(at, std::min<std::size_t>(frame_bytes, data.size() - at)));
  }
  return frames;
}

SealedSegment seal_segment(const SegmentHeader& header, std::span<const BatchEntry> entries,
                           std::span<const ByteView> frames, const Compression& compression,
                           const Sealer& sealer) {
  std::uint64_t data_bytes = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    CHECK(frames[i].size() == header.frame_bytes ||
          (i + 1 == frames.size() && !frames[i].empty() && frames[i].size() < header.frame_bytes));
    data_bytes += frames[i].size();
  }
  SegmentBuilder builder(header, entries, data_bytes, room_for(frames), compression, sealer);
  std::vector<FrameEntry> sealed;
  sealed.reserve(frames.size());
  const MutableByteView room = builder.frames_room();
  std::size_t stored = 0;
  for (std::uint32_t i = 0; i < frames.size(); ++i) {
    sealed.push_back(seal_frame(builder.sealer(), i, frames[i], compression, room.subspan(stored)));
    stored += sealed.back().stored_bytes;
  }
  return builder.finish(std::move(sealed), stored);
}

}  // namespace cairn::format
