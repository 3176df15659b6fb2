#pragma once

#include <spdlog/spdlog.h>

namespace cairn::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

}  // namespace cairn::log
