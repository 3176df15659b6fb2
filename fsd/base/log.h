#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace cairn::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

/// Where a daemon's log belongs: standard output is for what commands answer.
void to_stderr();
/// Each line says which daemon it is from: "[cairn data]". Until then, and for one that has no name
/// of its own, "[cairn]".
/// Threads: before others log; after to_stderr().
void set_daemon(const std::string& name);
/// From now on to syslog as well (the journal, where systemd runs), as "cairn": for a daemon that
/// has no standard error any more. Where there is no syslog this does nothing.
/// Threads: any, also while others log; after to_stderr().
void to_syslog_too();

}  // namespace cairn::log
