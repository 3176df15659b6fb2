#pragma once

#include <spdlog/spdlog.h>

namespace cairn::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

/// Where a daemon's log belongs: standard output is for what commands answer.
void to_stderr();

}  // namespace cairn::log
