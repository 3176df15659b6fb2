#include "fsd/format/session_record.h"

#include "tests/fuzz/format/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn::format;
  const Uuid id{1};
  const auto record = decode_session_record(id, text_of(data, size));
  if (record) CHECK(*decode_session_record(id, encode(*record)) == *record);
  return 0;
}
