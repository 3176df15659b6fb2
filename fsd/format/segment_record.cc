#include "fsd/format/segment_record.h"

#include "fsd/format/decode_util.h"

namespace cairn::format {
namespace {
constexpr std::uint8_t kVersion = 1;
}  // namespace

std::string encode(const SegmentRecord& record) {
  wire::Encoder out;
  out.u8(kVersion).varint(record.written).varint(record.live);
  out.varint(record.death.value()).varint(record.object_bytes);
  return std::move(out).take();
}

Result<SegmentRecord> decode_segment_record(std::string_view bytes) {
  wire::Decoder in(bytes);
  TRY_OK(get_version(in, kVersion, "a segment record is damaged",
                     "a segment record was written by a newer version of Cairn"));
  SegmentRecord record;
  record.written = in.varint();
  record.live = in.varint();
  record.death = Seq(in.varint());
  record.object_bytes = in.varint();
  if (!in.finished()) return damaged("a segment record is damaged");
  return record;
}

}  // namespace cairn::format
