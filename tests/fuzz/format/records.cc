// The small records, each tried on every input: inode, dirent, extent, position, segment
// record, counters, terms.

#include "fsd/format/core_counters.h"
#include "fsd/format/inode_record.h"
#include "fsd/format/position.h"
#include "fsd/format/segment_record.h"
#include "fsd/format/term_list.h"
#include "tests/fuzz/format/fuzz_support.h"

namespace {

template <class Decode>
void try_record(std::string_view input, Decode decode) {
  const auto record = decode(input);
  if (!record) return;
  CHECK(*decode(encode(*record)) == *record);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn::format;
  const std::string_view input = text_of(data, size);
  try_record(input, decode_inode);
  try_record(input, decode_dirent);
  try_record(input, decode_extent);
  try_record(input, decode_position);
  try_record(input, decode_segment_record);
  try_record(input, decode_core_counters);
  try_record(input, decode_term_list);
  return 0;
}
