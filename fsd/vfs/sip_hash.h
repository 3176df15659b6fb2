#pragma once

#include <cstdint>
#include <string_view>

namespace cairn::vfs {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

/// SipHash-2-4: a hash that nobody who does not know the key can make collide on purpose.
[[nodiscard]] std::uint64_t sip_hash(SipKey key, std::string_view bytes);

}  // namespace cairn::vfs
