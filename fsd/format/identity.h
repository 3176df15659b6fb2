#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

#include "fsd/base/bytes.h"
#include "fsd/base/hex.h"
#include "fsd/base/random.h"
#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

namespace cairn::format {

using Uuid = std::array<std::uint8_t, 16>;

[[nodiscard]] Uuid random_uuid(Random& random);

/// Which filesystem, and which copy of it: a volume that is cloned or restored keeps `volume` and
/// gets a new `incarnation`.
struct VolumeIdentity {
  Uuid volume{};
  Uuid incarnation{};
  bool operator==(const VolumeIdentity&) const = default;
};

/// 16 random bytes that cannot be mistaken for another kind of random bytes. All zero is none.
template <class Tag>
struct Id128 {
  Uuid bytes{};

  static Id128 random(Random& random) { return Id128{random_uuid(random)}; }
  [[nodiscard]] bool is_zero() const { return bytes == Uuid{}; }
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
  auto operator<=>(const Id128&) const = default;
};

/// Drawn by a writer for each take-over.
using WriterNonce = Id128<struct WriterNonceTag>;
/// Drawn for each segment when it is opened, and for each other object when it is encoded.
using SegmentId = Id128<struct SegmentIdTag>;

/// Sixteen bytes as they are.
void put_uuid(wire::Encoder& out, const Uuid& id);
[[nodiscard]] Uuid get_uuid(wire::Decoder& in);

}  // namespace cairn::format

template <class Tag>
struct std::hash<cairn::format::Id128<Tag>> {
  std::size_t operator()(const cairn::format::Id128<Tag>& id) const noexcept {
    std::size_t value = 0;  // random bytes are their own hash
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};
