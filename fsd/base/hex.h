#pragma once

#include <string>

#include "fsd/base/bytes.h"

namespace cairn {

/// Two lower-case hexadecimal digits for each byte.
[[nodiscard]] std::string to_hex(ByteView bytes);

}  // namespace cairn
