#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fsd/base/id.h"
#include "fsd/base/result.h"

namespace cairn::format {

/// How much of a segment is in use: the value of segment(seq). Its birth is its seq.
struct SegmentRecord {
  std::uint64_t written = 0;       // bytes of file data that went in
  std::uint64_t live = 0;          // references to them, in bytes; more than `written` if shared
  Seq death;                       // the batch of this segment dropped the last reference; 0: none
  std::uint64_t object_bytes = 0;  // what it takes in the bucket
  bool operator==(const SegmentRecord&) const = default;
};

[[nodiscard]] std::string encode(const SegmentRecord& record);
/// Fails with: FormatErrc.
[[nodiscard]] Result<SegmentRecord> decode_segment_record(std::string_view bytes);

}  // namespace cairn::format
