#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace cairn::daemon {

/// What is wrong with a command line of at least one word, in our words; arguments that nobody
/// expected in the order in which they were given.
[[nodiscard]] std::string usage_sentence(const CLI::App& app, const std::string& first_word,
                                         const CLI::ParseError& error);

}  // namespace cairn::daemon
