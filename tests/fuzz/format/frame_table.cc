#include "fsd/format/segment.h"
#include "tests/fuzz/format/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn;
  using namespace cairn::format;
  const auto table = decode_frame_table(Seq(5), text_of(data, size));
  if (!table) return 0;
  CHECK(*decode_frame_table(Seq(5), encode(*table)) == *table);
  std::uint64_t plain = 0;
  std::uint64_t end = table->data_start;
  for (std::uint32_t frame = 0; frame < table->frame_count(); ++frame) {
    CHECK(table->frame_of(plain) == frame);
    plain += table->plain_bytes(frame);
    end += table->frames[frame].stored_bytes;
  }
  const StoredRange all = table->stored_range(0, table->frame_count());
  CHECK(plain == table->data_bytes && all.offset + all.length == end);
  return 0;
}
