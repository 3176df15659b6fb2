#include "fsd/format/identity.h"

#include <algorithm>

namespace cairn::format {

std::string to_hex(const Uuid& id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * id.size());
  for (const std::uint8_t byte : id) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

Uuid random_uuid(Random& random) {
  Uuid id{};
  random.fill(id);
  return id;
}

void put_uuid(wire::Encoder& out, const Uuid& id) { out.raw(ByteView(id)); }

Uuid get_uuid(wire::Decoder& in) {
  Uuid id{};
  const auto bytes = in.raw(id.size());
  if (bytes.size() == id.size()) std::ranges::copy(bytes, id.begin());
  return id;
}

}  // namespace cairn::format
