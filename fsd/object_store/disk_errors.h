#pragma once

#include <string>
#include <string_view>

#include "fsd/base/result.h"

namespace cairn::object_store {

/// What a failed system call on a store's file means for the store's users: a full or failing disk
/// is kUnavailable (it may pass), a forbidden one kAccessDenied, a key that the filesystem cannot
/// hold kBadRequest. ENOENT is for the caller to judge; here it means that DIR itself is gone.
[[nodiscard]] Error disk_error(int number, std::string_view doing, std::string_view path);

}  // namespace cairn::object_store
