#include "fsd/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

namespace cairn::log {

void to_stderr() { spdlog::set_default_logger(spdlog::stderr_color_mt("cairn")); }

}  // namespace cairn::log
