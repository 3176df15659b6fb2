#pragma once

#include <string>

namespace cairn::fuse {

/// Switches FUSE over io_uring on in the kernel, if it has it and we may. True if it is on.
[[nodiscard]] bool enable_io_uring();

/// How far the kernel reads ahead on this mount; what it allows at the mount is only 128 KiB.
void set_read_ahead(const std::string& mountpoint, unsigned kib);

}  // namespace cairn::fuse
