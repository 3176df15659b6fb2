#pragma once

#include <string>

#include "fsd/base/clock.h"
#include "fsd/base/result.h"

namespace cairn::admin {

/// Sends one command to the daemon at this control socket and returns its answer. Blocks, at most
/// for `patience` between two pieces of the answer; zero: for ever.
/// Fails with: ECONNREFUSED or ENOENT if no daemon runs there; EACCES; ETIMEDOUT.
Result<std::string> ask_daemon(const std::string& path, const std::string& command,
                               Duration patience);

}  // namespace cairn::admin
