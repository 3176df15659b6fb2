#include "fsd/base/log.h"

#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>

#include <memory>
#include <string_view>

namespace cairn::log {
namespace {

constexpr std::string_view kProgram = "cairn";

using Sinks = std::shared_ptr<spdlog::sinks::dist_sink_mt>;

/// What all lines go to; sinks may be added while others log.
Sinks& sinks() {
  static Sinks all = [] {
    auto made = std::make_shared<spdlog::sinks::dist_sink_mt>();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(std::string(kProgram), made));
    return made;
  }();
  return all;
}

}  // namespace

void to_stderr() { sinks()->add_sink(std::make_shared<spdlog::sinks::stderr_color_sink_mt>()); }

void set_daemon(const std::string& name) {
  if (name == kProgram) return;
  const std::string both = std::string(kProgram) + " " + name;
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(both, sinks()));
}

void to_syslog_too() {
  // It has times and levels of its own, and names the program.
  constexpr bool kByPattern = true;
  auto sink = std::make_shared<spdlog::sinks::syslog_sink_mt>(std::string(kProgram), LOG_PID,
                                                              LOG_DAEMON, kByPattern);
  const bool named = spdlog::default_logger_raw()->name() != kProgram;
  sink->set_pattern(named ? "[%n] %v" : "%v");
  sinks()->add_sink(std::move(sink));
}

}  // namespace cairn::log
