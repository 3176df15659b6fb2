#pragma once

// libfuse's low level API, included here alone. FUSE_USE_VERSION and CAIRN_FUSE_IO_URING come from
// cmake/CairnFuse.cmake.

#include <fuse3/fuse_log.h>
#include <fuse3/fuse_lowlevel.h>

#define CAIRN_FUSE_AT_LEAST(major, minor) (FUSE_VERSION >= FUSE_MAKE_VERSION(major, minor))

#if CAIRN_FUSE_IO_URING
/// The number by which the kernel names a request that it interrupts (scripts/libfuse_unique.c).
extern "C" uint64_t cairn_fuse_request_unique(fuse_req_t request);
#endif
