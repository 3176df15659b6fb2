/* Built into our libfuse3.a by libfuse.sh, against libfuse's private header of that very version.
 * An INTERRUPT from the kernel names a request by this number, and libfuse does not match it with
 * requests that came over io_uring, so the frontend has to. */
#include "fuse_config.h"
#include "fuse_i.h"

uint64_t cairn_fuse_request_unique(fuse_req_t request) { return request->unique; }
