#pragma once

// What the decoders of this folder share. Not for others.

#include <cstdint>
#include <string_view>

#include "fsd/base/bytes.h"
#include "fsd/base/result.h"
#include "fsd/format/format_error.h"
#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

namespace cairn::format {

inline Error damaged(const char* what) { return Error(FormatErrc::kDamaged, what); }
inline Error newer(const char* what) { return Error(FormatErrc::kNewer, what); }

/// Magic and version, as every object begins. `what` names the object in errors.
inline void put_magic(wire::Encoder& out, std::string_view magic, std::uint16_t version) {
  out.raw(magic).u16(version);
}
inline Result<void> get_magic(wire::Decoder& in, std::string_view magic, std::uint16_t version,
                              const char* what_damaged, const char* what_newer) {
  const auto bytes = in.raw(magic.size());
  const std::uint16_t found = in.u16();
  if (!in.ok() || as_string(bytes) != magic || found == 0) return damaged(what_damaged);
  if (found > version) return newer(what_newer);
  return {};
}

/// A record's version byte.
inline Result<void> get_version(wire::Decoder& in, std::uint8_t version, const char* what_damaged,
                                const char* what_newer) {
  const std::uint8_t found = in.u8();
  if (!in.ok() || found == 0) return damaged(what_damaged);
  if (found > version) return newer(what_newer);
  return {};
}

/// A varint that must not be more than `max`.
inline std::uint64_t get_varint(wire::Decoder& in, std::uint64_t max) {
  const std::uint64_t value = in.varint();
  if (value > max) in.fail();
  return in.ok() ? value : 0;
}
/// A varint length of at most `max`, and that many bytes.
inline std::string_view get_text(wire::Decoder& in, std::size_t max) {
  return as_string(in.raw(get_varint(in, max)));
}
inline void put_text(wire::Encoder& out, std::string_view text) {
  out.varint(text.size()).raw(text);
}

inline MutableByteView writable(std::string& bytes) {
  return {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace cairn::format
