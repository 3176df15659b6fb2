#include "fsd/format/identity.h"

#include <algorithm>

namespace cairn::format {

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
