#pragma once

// The fixed parts of a segment object, for segment_writer.cc and segment_reader.cc only.

#include <array>
#include <cstdint>
#include <string>

#include "fsd/format/segment.h"

namespace cairn::format {

inline constexpr std::uint32_t kFrontPart = UINT32_MAX;  // frames are parts 0, 1, ...
inline constexpr std::size_t kChecksumBytes = 16;

/// All that a header says.
struct SegmentLayout {
  SegmentHeader header;
  Sealer::Kind sealing = Sealer::Kind::kChecksummed;
  Codec batch_codec = Codec::kRaw;
  std::uint64_t object_bytes = 0;
  std::uint64_t data_bytes = 0;
  std::uint32_t front_bytes = 0;  // stored, with the seal
  std::uint32_t batch_bytes = 0;  // before compression
  std::uint32_t frame_count = 0;

  [[nodiscard]] std::uint64_t data_start() const { return kSegmentHeaderBytes + front_bytes; }
};

/// kSegmentHeaderBytes, with the checksum.
[[nodiscard]] std::string encode_header(const SegmentLayout& layout);
/// Checks everything that can be checked without the rest of the object.
[[nodiscard]] Result<SegmentLayout> decode_header(ByteView first_bytes);

/// kSegmentFooterBytes; repeats the header's checksum.
[[nodiscard]] std::string encode_footer(const SegmentLayout& layout, ByteView header);
[[nodiscard]] Result<void> check_footer(const SegmentLayout& layout, ByteView header,
                                        ByteView footer);

[[nodiscard]] ObjectSealer segment_sealer(const SegmentHeader& header, const Sealer& sealer);
/// The frame table of such a segment, its frames still without sizes.
[[nodiscard]] FrameTable make_frame_table(const SegmentLayout& layout);

/// Number of frames in so many bytes.
[[nodiscard]] constexpr std::uint64_t frames_in(std::uint64_t data_bytes,
                                                std::uint32_t frame_bytes) {
  return data_bytes / frame_bytes + (data_bytes % frame_bytes != 0 ? 1 : 0);
}
/// A frame's stored length agrees with its length before compression.
[[nodiscard]] bool plausible(const FrameEntry& frame, std::uint32_t plain_bytes);
[[nodiscard]] bool valid_frame_bytes(std::uint32_t frame_bytes);

/// A frame in four bytes: length and codec.
[[nodiscard]] std::uint32_t pack(const FrameEntry& frame);
/// False for a codec that there is not.
[[nodiscard]] bool unpack(std::uint64_t packed, FrameEntry& frame);

}  // namespace cairn::format
