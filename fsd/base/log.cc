#include "fsd/base/log.h"

#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>

#include <memory>

namespace cairn::log {
namespace {

/// What all lines go to; sinks may be added while others log.
spdlog::sinks::dist_sink_mt& sinks() {
  static const auto all = std::make_shared<spdlog::sinks::dist_sink_mt>();
  static const bool used = [] {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("cairn", all));
    return true;
  }();
  (void)used;
  return *all;
}

}  // namespace

void to_stderr() { sinks().add_sink(std::make_shared<spdlog::sinks::stderr_color_sink_mt>()); }

void to_syslog_too() {
  constexpr bool kWithTimeAndLevel = false;  // syslog has its own
  sinks().add_sink(std::make_shared<spdlog::sinks::syslog_sink_mt>("cairn", LOG_PID, LOG_DAEMON,
                                                                   kWithTimeAndLevel));
}

}  // namespace cairn::log
