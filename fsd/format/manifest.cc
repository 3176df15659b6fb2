#include "fsd/format/manifest.h"

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"

namespace cairn::format {
namespace {

constexpr std::string_view kMagic = "CAIRNMAN";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 96;
constexpr std::uint32_t kBodyPart = 0;
constexpr std::size_t kNameBytesMax = 512;
constexpr char kDamaged[] = "the manifest is damaged";

ObjectSealer manifest_sealer(const Manifest& manifest, const SegmentId& id, const Sealer& sealer) {
  return sealer.for_object(Domain::kManifest, manifest.nonce, manifest.generation, id);
}

std::string encode_body(const Manifest& manifest) {
  CHECK(manifest.tables.size() <= kTablesMax);
  wire::Encoder out;
  put_text(out, encode(manifest.checkpoint));
  out.varint(manifest.tables.size());
  for (const TableInfo& table : manifest.tables) {
    out.u8(static_cast<std::uint8_t>(table.kind));
    put_text(out, table.name);
    out.varint(table.bytes).varint(table.entries);
    put_text(out, table.first_key);
    put_text(out, table.last_key);
  }
  return std::move(out).take();
}

Result<void> decode_body(std::string_view body, Manifest& manifest) {
  wire::Decoder in(body);
  TRY(manifest.checkpoint, decode_position(get_text(in, 64)));
  const std::uint64_t count = get_varint(in, kTablesMax);
  if (!in.ok() || count > in.left()) return damaged(kDamaged);
  manifest.tables.resize(count);
  for (TableInfo& table : manifest.tables) {
    const std::uint8_t kind = in.u8();
    table.name = get_text(in, kNameBytesMax);
    table.bytes = in.varint();
    table.entries = in.varint();
    table.first_key = get_text(in, kKeyBytesMax);
    table.last_key = get_text(in, kKeyBytesMax);
    if (!in.ok() || kind < 1 || kind > 2 || table.last_key < table.first_key) {
      return damaged(kDamaged);
    }
    table.kind = static_cast<TableKind>(kind);
  }
  if (!in.finished()) return damaged(kDamaged);
  return {};
}

}  // namespace

std::string encode_manifest(const Manifest& manifest, const Sealer& sealer, Random& random) {
  const std::string body = encode_body(manifest);
  const SegmentId id = SegmentId::random(random);
  wire::Encoder out;
  put_magic(out, kMagic, kVersion);
  out.u8(static_cast<std::uint8_t>(sealer.kind())).u8(0);
  out.u32(static_cast<std::uint32_t>(body.size() + kSealBytes));
  put_uuid(out, manifest.identity.volume);
  put_uuid(out, manifest.identity.incarnation);
  put_uuid(out, manifest.nonce.bytes);
  put_uuid(out, id.bytes);
  out.u64(manifest.epoch.value()).u64(manifest.generation);
  CHECK(out.size() == kHeaderBytes && kHeaderBytes + body.size() + kSealBytes <= kManifestBytesMax);
  const std::string header = std::move(out).take();
  std::string object = header;
  manifest_sealer(manifest, id, sealer)
      .seal_append(kBodyPart, as_bytes(body), as_bytes(header), object);
  return object;
}

Result<Manifest> decode_manifest(ByteView object, const Sealer& sealer) {
  wire::Decoder in(object);
  TRY_OK(get_magic(in, kMagic, kVersion, kDamaged,
                   "the manifest was written by a newer version of Cairn"));
  Manifest manifest;
  SegmentId id;
  const std::uint8_t sealing = in.u8();
  const std::uint8_t reserved = in.u8();
  const std::uint32_t body_bytes = in.u32();
  manifest.identity.volume = get_uuid(in);
  manifest.identity.incarnation = get_uuid(in);
  manifest.nonce.bytes = get_uuid(in);
  id.bytes = get_uuid(in);
  manifest.epoch = Epoch(in.u64());
  manifest.generation = in.u64();
  if (!in.ok() || reserved != 0 || in.left() != body_bytes || object.size() > kManifestBytesMax) {
    return damaged(kDamaged);
  }
  TRY_OK(check_sealing(sealing, sealer));
  TRY(const std::string body,
      manifest_sealer(manifest, id, sealer)
          .open(kBodyPart, object.subspan(kHeaderBytes), object.first(kHeaderBytes)));
  TRY_OK(decode_body(body, manifest));
  return manifest;
}

}  // namespace cairn::format
