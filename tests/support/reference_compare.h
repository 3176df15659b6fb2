#pragma once

#include <optional>
#include <string>

#include "fsd/base/task.h"
#include "fsd/vfs/vfs.h"
#include "tests/support/reference_fs.h"

namespace cairn::testing {

/// Walks the whole tree of both and returns the first difference as a sentence, or nothing:
/// entries, types, modes, owners, links, sizes, contents, targets and attributes.
/// Both must stay as they are and live until the Task ends.
Task<std::optional<std::string>> compare(vfs::Vfs& fs, const ReferenceFs& reference);

}  // namespace cairn::testing
