#pragma once

// A segment: the object that is one commit. FORMAT.md has it byte by byte:
//
//   header | front | frames | footer
//
// The header is fixed in size and plain, with a checksum of its own. The front holds the frames'
// stored sizes and the batch, compressed and sealed as one part with the header as its associated
// data. Each frame is compressed and sealed alone. The footer closes the object.
//
// Writing goes through one buffer: the batch is compressed into its place first, so that the place
// of the first frame is known; the frames follow; then the header is complete and the front is
// sealed where it lies.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/bytes.h"
#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/format/batch.h"
#include "fsd/format/compression.h"
#include "fsd/format/identity.h"
#include "fsd/format/sealer.h"
#include "fsd/format/volume_object.h"

namespace cairn::format {

inline constexpr std::uint32_t kFramesMax = 1U << 16;     // per segment
inline constexpr std::size_t kBatchBytesMax = 64U << 20;  // encoded, before compression
inline constexpr std::size_t kSegmentHeaderBytes = 176;
inline constexpr std::size_t kSegmentFooterBytes = 32;

enum class SegmentKind : std::uint8_t {
  kData = 1,
  kEpochStart = 2,  // a take-over; the log goes on behind a gap
  kRepacked = 3,    // live bytes of other segments, under data/; no part of the log
};

struct SegmentHeader {
  using Kind = SegmentKind;

  VolumeIdentity identity;
  Epoch epoch;
  WriterNonce nonce;
  Seq seq;
  SegmentId id;
  SegmentId previous;
  Seq next_seq;  // where the log goes on: past seq
  Kind kind = Kind::kData;
  std::uint32_t frame_bytes = kFrameBytesDefault;
  bool operator==(const SegmentHeader&) const = default;
};

struct FrameEntry {
  std::uint32_t stored_bytes = 0;  // with the seal
  Codec codec = Codec::kRaw;
  bool operator==(const FrameEntry&) const = default;
};

struct StoredRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const StoredRange&) const = default;
};

/// Where a segment's data lies in its object, and what opens it: the value of frames(seq).
/// Frames follow each other without gaps, all frame_bytes long before compression but the last.
struct FrameTable {
  Seq seq;  // from the key, not from the value
  WriterNonce nonce;
  SegmentId id;
  /// Set for data/ objects only, whose names need it.
  bool repacked = false;
  Epoch epoch;
  std::uint64_t data_start = 0;  // offset of the first frame in the object
  std::uint64_t data_bytes = 0;  // length of the data space, before compression
  std::uint32_t frame_bytes = kFrameBytesDefault;
  std::vector<FrameEntry> frames;

  [[nodiscard]] std::uint32_t frame_count() const {
    return static_cast<std::uint32_t>(frames.size());
  }
  /// The frame that holds this offset of the data space.
  [[nodiscard]] std::uint32_t frame_of(std::uint64_t data_offset) const {
    return static_cast<std::uint32_t>(data_offset / frame_bytes);
  }
  /// Length of a frame before compression.
  [[nodiscard]] std::uint32_t plain_bytes(std::uint32_t frame) const;
  /// Where `count` frames lie in the object. Adds up the frames before it: some 50 ns for 16 MiB.
  [[nodiscard]] StoredRange stored_range(std::uint32_t frame, std::uint32_t count = 1) const;
  /// The key of the object in the bucket.
  [[nodiscard]] std::string object_name() const;
  bool operator==(const FrameTable&) const = default;
};

[[nodiscard]] std::string encode(const FrameTable& table);
/// Fails with: FormatErrc.
[[nodiscard]] Result<FrameTable> decode_frame_table(Seq seq, std::string_view bytes);

// ---- writing -----------------------------------------------------------------------------------

struct SealedSegment {
  std::string object;
  FrameTable frames;
};

/// Seals a whole segment in one buffer. `entries` ascend; `frames` are header.frame_bytes long
/// each but the last, which is not empty. The batch keeps to kBatchBytesMax and to the limits of
/// batch.h.
/// Threads: any.
[[nodiscard]] SealedSegment seal_segment(const SegmentHeader& header,
                                         std::span<const BatchEntry> entries,
                                         std::span<const ByteView> frames,
                                         const Compression& compression, const Sealer& sealer);

/// Views of `data` in frames.
[[nodiscard]] std::vector<ByteView> split_frames(ByteView data, std::uint32_t frame_bytes);

// ---- reading -----------------------------------------------------------------------------------

/// How many leading bytes of the object its front takes, at most 80 MiB. `first_bytes` holds at
/// least kSegmentHeaderBytes.
/// Fails with: FormatErrc.
[[nodiscard]] Result<std::uint64_t> segment_front_bytes(ByteView first_bytes);
/// The header alone, to see whose segment this is. Its checksum finds damage; in an encrypted
/// volume only decode_segment_front proves it genuine.
/// Fails with: FormatErrc.
[[nodiscard]] Result<SegmentHeader> decode_segment_header(ByteView first_bytes);

struct SegmentFront {
  SegmentHeader header;
  FrameTable frames;
  Batch batch;
};
/// `prefix` holds at least segment_front_bytes() of the object, which is `object_bytes` long in
/// the store: an object that was cut short, or has something behind its end, is damaged.
/// Fails with: FormatErrc.
[[nodiscard]] Result<SegmentFront> decode_segment_front(ByteView prefix, std::uint64_t object_bytes,
                                                        const Sealer& sealer);

/// What opens the frames of a segment; keep it for a run of frames.
[[nodiscard]] ObjectSealer frame_sealer(const FrameTable& table, const Sealer& sealer);
/// Opens one frame. `stored` is its stored_range(); `into` is plain_bytes(frame) long.
/// Fails with: FormatErrc::kDamaged.
[[nodiscard]] Result<void> open_frame(const FrameTable& table, std::uint32_t frame, ByteView stored,
                                      const ObjectSealer& sealer, MutableByteView into);
[[nodiscard]] Result<void> open_frame(const FrameTable& table, std::uint32_t frame, ByteView stored,
                                      const Sealer& sealer, MutableByteView into);
/// Whether open_frame_in_place() can be had: neither compressed nor encrypted.
[[nodiscard]] bool lies_open(const FrameTable& table, std::uint32_t frame,
                             const ObjectSealer& sealer);
/// Checks one frame that lies_open() and returns the part of `stored` that it is.
/// Fails with: FormatErrc::kDamaged.
[[nodiscard]] Result<ByteView> open_frame_in_place(const FrameTable& table, std::uint32_t frame,
                                                   ByteView stored, const ObjectSealer& sealer);

/// Checks a whole object, down to the last frame and the footer (fsck --data).
/// Fails with: FormatErrc.
[[nodiscard]] Result<SegmentFront> verify_segment(ByteView object, const Sealer& sealer);

}  // namespace cairn::format
