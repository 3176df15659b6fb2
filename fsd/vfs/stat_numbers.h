#pragma once

#include <sys/statvfs.h>

#include <ctime>

#include "fsd/vfs/types.h"

// What every door shows in the units of stat(2) and statvfs(3).

namespace cairn::vfs {

/// A time before 1677 or after 2262 becomes the nearest that a record can hold, as on a local
/// filesystem whose times end somewhere. `nanoseconds` are fewer than a second's.
[[nodiscard]] TimeNs to_time_ns(std::int64_t seconds, std::int64_t nanoseconds);
/// Nanoseconds are never negative.
[[nodiscard]] timespec to_timespec(TimeNs time);
/// st_blocks: 512 bytes each.
[[nodiscard]] std::uint64_t stat_blocks(const InodeRecord& inode);
/// What df shows; without a limit, room for a petabyte.
[[nodiscard]] struct statvfs to_statvfs(const FilesystemStats& stats);

}  // namespace cairn::vfs
