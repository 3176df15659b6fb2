#include "fsd/format/volume_object.h"

#include "tests/fuzz/format/fuzz_support.h"

namespace cairn::format {
namespace {

// Passwords are not tried: Argon2 with costs from the input would be all that the fuzzer does.
void try_object(std::string_view object) {
  const auto volume = VolumeObject::decode(as_bytes(object));
  if (!volume) return;
  const VolumeParameters& parameters = volume->parameters();
  CHECK(parameters.window >= 1 && parameters.window <= kWindowMax);
  CHECK(parameters.frame_bytes >= kFrameBytesMin && parameters.frame_bytes <= kFrameBytesMax);
  CHECK(!volume->unlock(std::nullopt) || !volume->encrypted());
}

std::string fixed(std::string object) {
  if (object.size() < 16) return object;
  object.replace(0, 10, std::string("CAIRNVOL\x01\0", 10));
  fix_checksum(object, object.size() - 16);
  return object;
}

}  // namespace
}  // namespace cairn::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return cairn::format::try_and_try_fixed(data, size, cairn::format::try_object,
                                          cairn::format::fixed);
}
