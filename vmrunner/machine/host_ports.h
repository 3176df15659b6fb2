#pragma once

#include <cstdint>

#include "fsd/base/result.h"

namespace cairn::vm {

/// A port of this machine's loopback that somebody may listen at: `wanted`, or for 0 any. Another
/// program may take it before QEMU does, which says so then.
/// Fails with: EADDRINUSE, EACCES.
Result<std::uint16_t> find_free_port(std::uint16_t wanted);

}  // namespace cairn::vm
