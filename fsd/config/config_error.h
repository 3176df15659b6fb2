#pragma once

#include <string>

#include "fsd/base/result.h"

namespace cairn::config {

/// Nobody reacts to one configuration error otherwise than to another: all are EINVAL and a
/// sentence. The sentence must not hold a value from the file, which might be a secret.
[[nodiscard]] Error config_error(std::string sentence);

}  // namespace cairn::config
