#include "vmrunner/machine/streams.h"

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "vmrunner/machine/output.h"

namespace cairn::vm {
namespace {
constexpr auto kPatience = std::chrono::seconds(1);
}  // namespace

std::string line_for(int err, const std::string& text) {
  return "cairn-vm: " + text + (isatty(err) != 0 ? "\r\n" : "\n");
}

void say(const std::string& text) {
  boost::asio::io_context io;
  Output err(io, STDERR_FILENO, {.on_drained = [] {}, .on_failed = [](int) {}});
  err.write(line_for(STDERR_FILENO, text));
  io.run_for(kPatience);
}

}  // namespace cairn::vm
