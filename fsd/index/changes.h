#pragma once

#include <span>
#include <vector>

#include "fsd/index/index.h"

namespace cairn::index {

/// The changes in the order of their keys; those of one key stay in the order given, so that the
/// last one wins. EINVAL if a key is empty or too long.
[[nodiscard]] Result<std::vector<const Change*>> sorted_by_key(std::span<const Change> changes);

}  // namespace cairn::index
