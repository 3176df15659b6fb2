#pragma once

#include "fsd/config/settings.h"
#include "fsd/frontends/web/web_server.h"

namespace cairn::daemon {

/// What the configuration says of the web, without its WebSockets.
web::WebServer::Options web_options(const config::Settings& settings);

/// Whether a guest's root is root on the volume: as is set, else if nobody but this machine reaches
/// us.
bool web_guest_root(const config::WebSettings& settings);

/// Who the file manager acts as.
std::uint32_t web_uid(const config::WebSettings& settings);

/// Says in the log which files there are none to serve of, and what to do.
void warn_of_missing_files(const web::Site::Options& site);

}  // namespace cairn::daemon
