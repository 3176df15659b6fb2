#pragma once

#include <string>

#include "fsd/base/clock.h"
#include "fsd/frontends/web/request.h"

namespace cairn::web {

/// What every answer says to browsers: load and run nothing but what comes from here, tell nobody
/// where one comes from, be in nobody's frame, share no process with others (which also lets the
/// page have shared memory).
[[nodiscard]] const std::vector<Header>& security_headers();

/// The response up to its body. `wall` is the time of day.
[[nodiscard]] std::string format_head(const Response& response, Duration wall, bool keep_alive);

}  // namespace cairn::web
