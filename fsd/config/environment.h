#pragma once

#include <functional>
#include <optional>
#include <string>

#include "fsd/base/result.h"

namespace cairn::config {

/// The value of a variable, or nothing. A seam, so that tests have an environment of their own.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The process's own environment.
[[nodiscard]] Environment process_environment();

/// `${NAME}` becomes the variable's value and `$$` becomes `$`; any other `$` stays as it is. What
/// a value holds is not looked at again. Fails with a sentence that names the variable that is not
/// set, or says what is wrong with a `${`; never with a value.
[[nodiscard]] Result<std::string> substitute(const std::string& text,
                                             const Environment& environment);

}  // namespace cairn::config
