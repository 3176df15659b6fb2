#pragma once

#include <functional>
#include <optional>
#include <string>

namespace cairn {

/// Looks up a variable of the environment: nothing if it is not set; one that is set and empty is
/// "". A seam, so that tests have an environment of their own.
/// Threads: any, as long as nobody changes the process's environment.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// A variable that is set to something: for those by which programs mean "not set" if it is empty.
[[nodiscard]] std::optional<std::string> find_non_empty(const Environment& environment,
                                                        const std::string& name);

/// The process's own environment.
[[nodiscard]] Environment process_environment();

}  // namespace cairn
