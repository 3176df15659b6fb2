#include "fsd/format/batch.h"

#include "tests/fuzz/format/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn::format;
  const auto batch = Batch::decode(std::string(text_of(data, size)));
  if (!batch) return 0;
  BatchWriter writer;
  for (const BatchEntry& entry : batch->entries()) writer.add(entry);
  const auto again = Batch::decode(writer.take());
  CHECK(again && again->entries().size() == batch->entries().size());
  for (std::size_t i = 0; i < again->entries().size(); ++i) {
    CHECK(again->entries()[i] == batch->entries()[i]);
  }
  return 0;
}
