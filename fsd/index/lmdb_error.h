#pragma once

#include <string>

#include "fsd/index/index.h"

namespace cairn::index {

/// What a return code of LMDB other than MDB_SUCCESS means to us. `path` names the file for people.
[[nodiscard]] Error lmdb_error(int code, const char* what, const std::string& path);

}  // namespace cairn::index
