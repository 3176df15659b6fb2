#include "fsd/format/names.h"

#include "tests/fuzz/format/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn::format;
  const std::string_view name = text_of(data, size);
  const auto parsed = parse_object_name(name);
  if (!parsed) return 0;
  switch (parsed->kind) {
    case ObjectName::Kind::kLog:
      CHECK(log_name(parsed->seq) == name);
      break;
    case ObjectName::Kind::kData:
      CHECK(data_name(parsed->epoch, parsed->seq) == name);
      break;
    case ObjectName::Kind::kTable:
      CHECK(table_name(parsed->epoch, parsed->number, parsed->table) == name);
      break;
    case ObjectName::Kind::kManifest:
    case ObjectName::Kind::kVolume:
      break;
  }
  return 0;
}
