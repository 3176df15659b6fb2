#include "fsd/format/manifest.h"

#include "tests/fuzz/format/fuzz_support.h"

namespace cairn::format {
namespace {

class NoRandom final : public Random {
 public:
  void fill(MutableByteView bytes) override {
    for (std::uint8_t& byte : bytes) byte = 0;
  }
};

void try_object(std::string_view object) {
  const Sealer sealer = Sealer::checksummed();
  const auto manifest = decode_manifest(as_bytes(object), sealer);
  if (!manifest) return;
  NoRandom random;
  const std::string again = encode_manifest(*manifest, sealer, random);
  CHECK(*decode_manifest(as_bytes(again), sealer) == *manifest);
}

std::string fixed(std::string object) {
  constexpr std::size_t kHeaderBytes = 96;
  if (object.size() < kHeaderBytes + kSealBytes) return object;
  object.replace(0, 12, std::string("CAIRNMAN\x01\0\0\0", 12));
  const std::size_t body = object.size() - kHeaderBytes;
  for (int i = 0; i < 4; ++i) object[12 + i] = static_cast<char>(body >> (8 * i));
  const std::string header = object.substr(0, kHeaderBytes);
  const ObjectSealer sealer =
      Sealer::checksummed().for_object(Domain::kManifest, WriterNonce{load_uuid(object, 48)},
                                       load(object, 88, 8), SegmentId{load_uuid(object, 64)});
  fix_seal(object, sealer, 0, kHeaderBytes, body, as_bytes(header));
  return object;
}

}  // namespace
}  // namespace cairn::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return cairn::format::try_and_try_fixed(data, size, cairn::format::try_object,
                                          cairn::format::fixed);
}
