#pragma once

#include <unistd.h>

#include <string>

namespace cairn::vm {

/// Our standard streams; tests have others.
struct Streams {
  int in = STDIN_FILENO;
  int out = STDOUT_FILENO;
  int err = STDERR_FILENO;
};

/// A line for people on `err`, also of a terminal that is raw.
[[nodiscard]] std::string line_for(int err, const std::string& text);
/// ... on standard error, where no Machine runs. A reader who takes nothing is not waited for long.
void say(const std::string& text);

}  // namespace cairn::vm
