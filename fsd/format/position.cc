#include "fsd/format/position.h"

#include "fsd/format/decode_util.h"

namespace cairn::format {
namespace {
constexpr std::uint8_t kVersion = 1;
}  // namespace

std::string encode(const Position& position) {
  wire::Encoder out;
  out.u8(kVersion).u64(position.next_seq.value()).u64(position.epoch.value());
  put_uuid(out, position.last.bytes);
  return std::move(out).take();
}

Result<Position> decode_position(std::string_view bytes) {
  wire::Decoder in(bytes);
  TRY_OK(get_version(in, kVersion, "a position in the log is damaged",
                     "a position in the log was written by a newer version of Cairn"));
  Position position;
  position.next_seq = Seq(in.u64());
  position.epoch = Epoch(in.u64());
  position.last.bytes = get_uuid(in);
  if (!in.finished()) return damaged("a position in the log is damaged");
  return position;
}

}  // namespace cairn::format
