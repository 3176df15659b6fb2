#pragma once

#include <sys/stat.h>

#include "fsd/frontends/fuse/fuse_api.h"
#include "fsd/vfs/types.h"

namespace cairn::fuse {

/// What st_blksize says: programs choose their buffers by it, and each write is one request.
inline constexpr std::uint32_t kPreferredIoBytes = 64U << 10;

[[nodiscard]] struct stat to_stat(const vfs::Attributes& attributes);
/// `to_set` has FUSE_SET_ATTR_* bits.
[[nodiscard]] vfs::AttributeChange to_change(const struct stat& values, int to_set);

[[nodiscard]] vfs::RangeLock to_range_lock(const struct flock& lock, vfs::LockOwner owner);
[[nodiscard]] struct flock to_flock(const vfs::RangeLock& lock);

}  // namespace cairn::fuse
