#pragma once

#include "fsd/config/settings.h"
#include "fsd/frontends/ninep/ninep_server.h"

namespace cairn::daemon {

/// What the 9P server is told, from the configuration's words.
[[nodiscard]] Result<p9::NinepServer::Options> ninep_options(const config::Settings& settings);

}  // namespace cairn::daemon
