#include "fsd/format/core_counters.h"

#include "fsd/format/decode_util.h"
#include "fsd/format/keys.h"

namespace cairn::format {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kRoot = 1;  // the root directory's inode number
constexpr char kDamaged[] = "the volume's counters are damaged";

}  // namespace

std::string core_counters_key() { return counter_key("vfs"); }

std::string encode(const CoreCounters& counters) {
  wire::Encoder out;
  out.u8(kVersion).varint(counters.lease_end).varint(counters.inodes).varint(counters.bytes);
  out.u64(counters.name_key0).u64(counters.name_key1);
  return std::move(out).take();
}

Result<CoreCounters> decode_core_counters(std::string_view bytes) {
  wire::Decoder in(bytes);
  TRY_OK(get_version(in, kVersion, kDamaged,
                     "the volume's counters were written by a newer version of Cairn"));
  CoreCounters counters;
  counters.lease_end = in.varint();
  counters.inodes = in.varint();
  counters.bytes = in.varint();
  counters.name_key0 = in.u64();
  counters.name_key1 = in.u64();
  if (!in.finished() || counters.lease_end <= kRoot) return damaged(kDamaged);
  return counters;
}

}  // namespace cairn::format
