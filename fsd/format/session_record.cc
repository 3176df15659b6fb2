#include "fsd/format/session_record.h"

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"
#include "fsd/format/keys.h"

namespace cairn::format {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr char kDamaged[] = "a session record is damaged";

}  // namespace

std::string session_key(const Uuid& id) {
  return KeyBuilder(KeyKind::kSession).text(as_string(ByteView(id))).take();
}

std::string encode(const SessionRecord& record) {
  CHECK(record.replies.size() <= kSessionRepliesMax);
  CHECK(record.state.size() <= kSessionStateBytesMax);
  wire::Encoder out;
  out.u8(kVersion).varint(record.applied).i64(record.last_seen).varint(record.keep_seconds);
  out.varint(record.replies.size());
  std::uint64_t before = 0;
  for (const SessionReply& reply : record.replies) {
    CHECK(reply.sequence > before && reply.sequence <= record.applied);
    CHECK(reply.bytes.size() <= kSessionReplyBytesMax);
    out.varint(reply.sequence - before);
    put_text(out, reply.bytes);
    before = reply.sequence;
  }
  put_text(out, record.state);
  CHECK(out.size() <= kSessionRecordBytesMax);
  return std::move(out).take();
}

Result<SessionRecord> decode_session_record(const Uuid& id, std::string_view bytes) {
  if (bytes.size() > kSessionRecordBytesMax) return damaged(kDamaged);
  wire::Decoder in(bytes);
  TRY_OK(get_version(in, kVersion, kDamaged,
                     "a session record was written by a newer version of Cairn"));
  SessionRecord record;
  record.id = id;
  record.applied = in.varint();
  record.last_seen = in.i64();
  record.keep_seconds = static_cast<std::uint32_t>(get_varint(in, UINT32_MAX));
  const std::uint64_t count = get_varint(in, kSessionRepliesMax);
  if (!in.ok() || count > in.left()) return damaged(kDamaged);
  record.replies.reserve(count);
  std::uint64_t before = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t step = get_varint(in, record.applied - before);
    const std::string_view reply = get_text(in, kSessionReplyBytesMax);
    if (!in.ok() || step == 0) return damaged(kDamaged);
    before += step;
    record.replies.push_back({.sequence = before, .bytes = std::string(reply)});
  }
  record.state = get_text(in, kSessionStateBytesMax);
  if (!in.finished()) return damaged(kDamaged);
  return record;
}

}  // namespace cairn::format
