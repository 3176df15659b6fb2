#include <algorithm>

#include "fsd/format/decode_util.h"
#include "fsd/format/table_layout.h"

namespace cairn::format {
namespace {

constexpr char kDamaged[] = "a table is damaged";

struct Block {
  std::uint64_t offset = 0;
  std::uint32_t stored_bytes = 0;
  std::uint32_t plain_bytes = 0;
  Codec codec = Codec::kRaw;
};

struct Contents {
  TableSummary summary;
  std::vector<Block> blocks;
};

Result<TableContext> read_header(ByteView object, const Sealer& sealer) {
  wire::Decoder in(object);
  TRY_OK(get_magic(in, kTableMagic, kTableVersion, kDamaged,
                   "a table was written by a newer version of Cairn"));
  TableContext context;
  const std::uint8_t sealing = in.u8();
  const std::uint8_t kind = in.u8();
  const std::uint32_t reserved = in.u32();
  context.identity.volume = get_uuid(in);
  context.identity.incarnation = get_uuid(in);
  context.nonce.bytes = get_uuid(in);
  context.id.bytes = get_uuid(in);
  context.epoch = Epoch(in.u64());
  context.number = in.u64();
  if (!in.ok() || reserved != 0 || kind < 1 || kind > 2) return damaged(kDamaged);
  context.kind = static_cast<TableKind>(kind);
  TRY_OK(check_sealing(sealing, sealer));
  return context;
}

/// The sealed footer, without its seal.
Result<std::string> open_footer(ByteView object, const ObjectSealer& opener) {
  if (object.size() < kTableHeaderBytes + kTableTrailerBytes) return damaged(kDamaged);
  wire::Decoder trailer(object.last(kTableTrailerBytes));
  const std::uint32_t footer_bytes = trailer.u32();
  const std::uint32_t reserved = trailer.u32();
  const auto magic = trailer.raw(kTableEndMagic.size());
  if (as_string(magic) != kTableEndMagic || reserved != 0 ||
      footer_bytes > object.size() - kTableHeaderBytes - kTableTrailerBytes) {
    return damaged(kDamaged);
  }
  const std::size_t at = object.size() - kTableTrailerBytes - footer_bytes;
  return opener.open(kTableFooterPart, object.subspan(at, footer_bytes),
                     object.first(kTableHeaderBytes));
}

/// `blocks_end` is where the footer begins.
Result<Contents> read_footer(std::string_view footer, std::uint64_t blocks_end) {
  wire::Decoder in(footer);
  Contents contents;
  contents.summary.entries = in.varint();
  contents.summary.first_key = get_text(in, kKeyBytesMax);
  contents.summary.last_key = get_text(in, kKeyBytesMax);
  const std::uint64_t count = get_varint(in, kTableBlocksMax);
  if (!in.ok() || count > in.left()) return damaged(kDamaged);
  contents.blocks.reserve(count);
  std::uint64_t offset = kTableHeaderBytes;
  for (std::uint64_t i = 0; i < count; ++i) {
    Block block{.offset = offset};
    const std::uint8_t codec = in.u8();
    block.stored_bytes = static_cast<std::uint32_t>(get_varint(in, UINT32_MAX));
    block.plain_bytes = static_cast<std::uint32_t>(get_varint(in, kTableBlockPlainMax));
    offset += block.stored_bytes;
    if (!in.ok() || codec > kCodecMax || block.stored_bytes < kSealBytes || offset > blocks_end) {
      return damaged(kDamaged);
    }
    block.codec = static_cast<Codec>(codec);
    contents.blocks.push_back(block);
  }
  if (!in.finished() || offset != blocks_end) return damaged(kDamaged);
  return contents;
}

/// Shows the entries of all blocks, and checks that they are those that the footer promises.
class BlockVisitor {
 public:
  BlockVisitor(const Contents& contents, TableKind kind, const TableVisitor& visit)
      : summary_(contents.summary), kind_(kind), visit_(visit) {}

  Result<void> show(std::string_view block) {
    BatchReader reader(block);
    while (reader.next()) {
      const BatchEntry& entry = reader.entry();
      const bool in_order = seen_ == 0 ? entry.key == summary_.first_key : last_key_ < entry.key;
      if (!in_order || (!entry.value && kind_ == TableKind::kBase)) return damaged(kDamaged);
      last_key_.assign(entry.key);
      ++seen_;
      TRY_OK(visit_(entry.key, entry.value));
    }
    if (!reader.ok()) return damaged(kDamaged);
    return {};
  }
  [[nodiscard]] Result<void> finish() const {
    if (seen_ != summary_.entries || last_key_ != summary_.last_key) return damaged(kDamaged);
    return {};
  }

 private:
  const TableSummary& summary_;
  TableKind kind_;
  const TableVisitor& visit_;
  std::uint64_t seen_ = 0;
  std::string last_key_;
};

}  // namespace

Result<TableSummary> read_table(ByteView object, const Sealer& sealer, const TableVisitor& visit) {
  TRY(const TableContext context, read_header(object, sealer));
  const ObjectSealer opener = table_sealer(context, sealer);
  TRY(const std::string footer, open_footer(object, opener));
  TRY(Contents contents,
      read_footer(footer, object.size() - kTableTrailerBytes - footer.size() - kSealBytes));
  contents.summary.context = context;
  BlockVisitor visitor(contents, context.kind, visit);
  std::string opened;
  std::string plain;
  for (std::uint32_t part = 0; part < contents.blocks.size(); ++part) {
    const Block& block = contents.blocks[part];
    resize_for_overwrite(opened, block.stored_bytes - kSealBytes);
    TRY_OK(opener.open_into(part, object.subspan(block.offset, block.stored_bytes), {},
                            writable(opened)));
    resize_for_overwrite(plain, block.plain_bytes);
    TRY_OK(decompress(block.codec, as_bytes(opened), writable(plain)));
    TRY_OK(visitor.show(plain));
  }
  TRY_OK(visitor.finish());
  return std::move(contents.summary);
}

}  // namespace cairn::format
