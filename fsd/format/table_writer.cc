#include <algorithm>

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"
#include "fsd/format/table_layout.h"

namespace cairn::format {
namespace {

std::string encode_table_header(const TableContext& context, Sealer::Kind sealing) {
  wire::Encoder out;
  put_magic(out, kTableMagic, kTableVersion);
  out.u8(static_cast<std::uint8_t>(sealing)).u8(static_cast<std::uint8_t>(context.kind)).u32(0);
  put_uuid(out, context.identity.volume);
  put_uuid(out, context.identity.incarnation);
  put_uuid(out, context.nonce.bytes);
  put_uuid(out, context.id.bytes);
  out.u64(context.epoch.value()).u64(context.number);
  CHECK(out.size() == kTableHeaderBytes);
  return std::move(out).take();
}

}  // namespace

TableWriter::TableWriter(const Sealer& sealer, const TableContext& context,
                         const Compression& compression)
    : context_(context),
      compression_(compression),
      sealer_(table_sealer(context, sealer)),
      object_(encode_table_header(context, sealer.kind())) {}

void TableWriter::add(std::string_view key, std::optional<std::string_view> value) {
  CHECK(entries_ == 0 || last_key_ < key);
  CHECK(value || context_.kind == TableKind::kDelta);
  if (entries_ == 0) first_key_.assign(key);
  block_.add({key, value});
  last_key_.assign(key);
  ++entries_;
  if (block_.bytes() >= kTableBlockBytes) flush_block();
}

void TableWriter::flush_block() {
  if (block_.entries() == 0) return;
  CHECK(blocks_.size() < kTableBlocksMax);
  const std::string plain = block_.take();
  const auto part = static_cast<std::uint32_t>(blocks_.size());
  BlockInfo info{.plain_bytes = static_cast<std::uint32_t>(plain.size())};
  const std::size_t at = object_.size();
  // Grows by halves, not by the block.
  if (object_.capacity() < at + plain.size() + kSealBytes) {
    object_.reserve(std::max(object_.capacity() * 2, at + plain.size() + kSealBytes));
  }
  resize_for_overwrite(object_, at + plain.size() + kSealBytes);
  const MutableByteView room = writable(object_).subspan(at);
  if (const auto length = try_compress(compression_, as_bytes(plain), room)) {
    info.codec = compression_.codec;
    info.stored_bytes = static_cast<std::uint32_t>(*length + kSealBytes);
    sealer_.seal_into(part, room.first(*length), {}, room.first(info.stored_bytes));
  } else {
    info.stored_bytes = static_cast<std::uint32_t>(plain.size() + kSealBytes);
    sealer_.seal_into(part, as_bytes(plain), {}, room);
  }
  object_.resize(at + info.stored_bytes);
  blocks_.push_back(info);
}

FinishedTable TableWriter::finish() && {
  flush_block();
  wire::Encoder footer;
  footer.varint(entries_);
  put_text(footer, first_key_);
  put_text(footer, last_key_);
  footer.varint(blocks_.size());
  for (const BlockInfo& block : blocks_) {
    footer.u8(static_cast<std::uint8_t>(block.codec));
    footer.varint(block.stored_bytes).varint(block.plain_bytes);
  }
  const std::string header = object_.substr(0, kTableHeaderBytes);
  sealer_.seal_append(kTableFooterPart, as_bytes(footer.view()), as_bytes(header), object_);
  wire::Encoder trailer;
  trailer.u32(static_cast<std::uint32_t>(footer.size() + kSealBytes)).u32(0).raw(kTableEndMagic);
  object_.append(trailer.view());
  return {.object = std::move(object_),
          .entries = entries_,
          .first_key = std::move(first_key_),
          .last_key = std::move(last_key_)};
}

}  // namespace cairn::format
