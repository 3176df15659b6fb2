#pragma once

#include <optional>
#include <string>

#include "fsd/engine/volume.h"

namespace cairn::testing {

/// Reads all metadata of a volume and holds the POSIX core's records against each other: entries,
/// links and inodes, extents and what inodes say of them, reverse records, orphans, attributes,
/// counters. The first thing that is wrong, as a sentence.
/// `settled`: no transaction has been made since the last segment, so that the segments' live bytes
/// must be the references to them.
/// Threads: core only, between two transactions.
[[nodiscard]] std::optional<std::string> audit(engine::Volume& volume, bool settled);

/// What a volume holds besides its root directory, as a sentence; nothing if it is empty.
[[nodiscard]] std::optional<std::string> find_leftovers(engine::Volume& volume);

}  // namespace cairn::testing
