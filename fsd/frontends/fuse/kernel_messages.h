#pragma once

#include "fsd/base/result.h"
#include "fsd/frontends/fuse/door.h"
#include "fsd/frontends/fuse/fuse_api.h"

namespace cairn::fuse {

/// The kernel no longer wants the answer to this request.
/// Threads: any but the core.
void on_interrupt(Door& door, std::uint64_t unique);

#if CAIRN_FUSE_IO_URING
/// libfuse's loop reads and writes by functions of ours from now on: it would not show us
/// interrupts of the rings' requests, nor whether it started the rings. `session` was made with a
/// Door. Fails with: ENOTSUP and a sentence.
Result<void> see_messages(fuse_session* session);
#endif

}  // namespace cairn::fuse
