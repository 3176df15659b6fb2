#include "fsd/format/inode_record.h"

#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

namespace cairn::format {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kNameMax = 255;

Error damaged(const char* what) { return Error(FormatErrc::kDamaged, what); }

Result<void> check_version(wire::Decoder& in, const char* what) {
  const std::uint8_t version = in.u8();
  if (!in.ok() || version == 0) return damaged(what);
  if (version > kVersion) return Error(FormatErrc::kNewer, what);
  return {};
}

}  // namespace

std::string encode(const InodeRecord& r) {
  wire::Encoder out;
  out.u8(kVersion).varint(r.mode).varint(r.uid).varint(r.gid).varint(r.nlink);
  out.varint(r.size).varint(r.blocks);
  out.i64(r.atime).i64(r.mtime).i64(r.ctime).i64(r.btime);
  out.varint(r.rdev).varint(r.flags).varint(r.change).varint(r.parent.value());
  return std::move(out).take();
}

Result<InodeRecord> decode_inode(std::string_view bytes) {
  wire::Decoder in(bytes);
  TRY_OK(check_version(in, "an inode record is damaged"));
  InodeRecord r;
  auto u32 = [&in] {
    const std::uint64_t value = in.varint();
    if (value > UINT32_MAX) in.fail();
    return static_cast<std::uint32_t>(value);
  };
  r.mode = u32();
  r.uid = u32();
  r.gid = u32();
  r.nlink = u32();
  r.size = in.varint();
  r.blocks = in.varint();
  r.atime = in.i64();
  r.mtime = in.i64();
  r.ctime = in.i64();
  r.btime = in.i64();
  r.rdev = in.varint();
  r.flags = u32();
  r.change = in.varint();
  r.parent = Ino(in.varint());
  if (!in.finished()) return damaged("an inode record is damaged");
  return r;
}

std::string encode(const DirentRecord& r) {
  wire::Encoder out;
  out.u8(kVersion).varint(r.ino.value()).u8(r.type).raw(r.name);
  return std::move(out).take();
}

Result<DirentRecord> decode_dirent(std::string_view bytes) {
  wire::Decoder in(bytes);
  TRY_OK(check_version(in, "a directory entry is damaged"));
  DirentRecord r;
  r.ino = Ino(in.varint());
  r.type = in.u8();
  const std::size_t length = in.left();
  auto name = in.raw(length);
  if (!in.finished() || length == 0 || length > kNameMax) {
    return damaged("a directory entry is damaged");
  }
  r.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  if (r.name.find('/') != std::string::npos || r.name.find('\0') != std::string::npos) {
    return damaged("a directory entry is damaged");
  }
  return r;
}

std::string encode(const ExtentRecord& r) {
  wire::Encoder out;
  out.u8(kVersion).u8(r.shared ? 1 : 0).varint(r.length).varint(r.segment.value());
  out.varint(r.data_offset);
  return std::move(out).take();
}

Result<ExtentRecord> decode_extent(std::string_view bytes) {
  wire::Decoder in(bytes);
  TRY_OK(check_version(in, "an extent record is damaged"));
  ExtentRecord r;
  const std::uint8_t shared = in.u8();
  r.shared = shared == 1;
  r.length = in.varint();
  r.segment = Seq(in.varint());
  r.data_offset = in.varint();
  if (!in.finished() || shared > 1 || r.length == 0 || r.length > INT64_MAX ||
      r.data_offset > INT64_MAX - r.length) {
    return damaged("an extent record is damaged");
  }
  return r;
}

}  // namespace cairn::format
