#include "fsd/format/table.h"

#include "tests/fuzz/format/fuzz_support.h"

namespace cairn::format {
namespace {

constexpr std::size_t kHeaderBytes = 96;

void try_object(std::string_view object) {
  const Sealer sealer = Sealer::checksummed();
  std::string last;
  std::uint64_t seen = 0;
  const auto summary =
      read_table(as_bytes(object), sealer,
                 [&](std::string_view key, std::optional<std::string_view>) -> Result<void> {
                   CHECK(seen == 0 || last < key);
                   last.assign(key);
                   ++seen;
                   return {};
                 });
  if (!summary) return;
  CHECK(summary->entries == seen && summary->last_key == last);
}

/// Reads the input as the blocks and the footer of a table, and makes its seals right. The first
/// byte says how long the footer is.
std::string fixed(std::string_view input) {
  if (input.size() < 2) return {};
  std::string object("CAIRNTBL\x01\0\0\x02", 12);
  object.resize(kHeaderBytes);
  const std::string header = object;
  const std::size_t footer_bytes =
      std::min<std::size_t>(static_cast<std::uint8_t>(input[0]), input.size() - 1);
  object += input.substr(1);
  const std::size_t footer_at = object.size() - footer_bytes;
  const ObjectSealer sealer = Sealer::checksummed().for_object(Domain::kTable, {}, 0, {});
  // Where the blocks lie is the footer's to say: one block, or two halves.
  const std::size_t blocks = footer_at - kHeaderBytes;
  if (blocks % 2 == 0) {
    fix_seal(object, sealer, 0, kHeaderBytes, blocks, {});
  } else {
    fix_seal(object, sealer, 0, kHeaderBytes, blocks / 2, {});
    fix_seal(object, sealer, 1, kHeaderBytes + blocks / 2, blocks - blocks / 2, {});
  }
  const std::string footer = object.substr(footer_at);
  object.resize(footer_at);
  sealer.seal_append(UINT32_MAX, as_bytes(footer), as_bytes(header), object);
  std::string trailer(8, '\0');
  trailer[0] = static_cast<char>(footer_bytes + kSealBytes);
  trailer[1] = static_cast<char>((footer_bytes + kSealBytes) >> 8);
  return object + trailer + "CAIRNTBE";
}

}  // namespace
}  // namespace cairn::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return cairn::format::try_and_try_fixed(data, size, cairn::format::try_object,
                                          cairn::format::fixed);
}
