#pragma once

#include <sys/types.h>

#include <string>

#include "fsd/base/environment.h"
#include "fsd/base/result.h"

namespace cairn::config {

/// Where the daemon `name` keeps its cache unless it is told: below /var/cache/cairn for root, else
/// below $XDG_CACHE_HOME/cairn or ~/.cache/cairn. Fails if there is no such place.
[[nodiscard]] Result<std::string> default_cache_dir(uid_t euid, const Environment& environment,
                                                    const std::string& name);

/// Where the daemon `name` is found: /run/cairn/NAME.sock for root, else below
/// $XDG_RUNTIME_DIR/cairn; without that, /tmp/cairn-UID/NAME.sock (make that directory 0700, and
/// refuse one that somebody else owns).
[[nodiscard]] std::string default_control_socket(uid_t euid, const Environment& environment,
                                                 const std::string& name);

/// 1 to 64 characters of A-Z a-z 0-9 . _ -, the first none of . and -: it becomes a file's name.
[[nodiscard]] bool is_daemon_name(const std::string& name);

}  // namespace cairn::config
