#pragma once

#include <string>

#include "fsd/base/result.h"

namespace cairn::object_store::s3 {

/// Runs a profile's credential_process by the shell and returns what it prints. Blocks, for at most
/// a minute; then the process is killed.   Threads: any but the core's.
/// Fails with: kBadCredentials.
[[nodiscard]] Result<std::string> run_credential_process(const std::string& command);

}  // namespace cairn::object_store::s3
