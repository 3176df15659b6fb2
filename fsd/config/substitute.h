#pragma once

#include <string>

#include "fsd/base/environment.h"
#include "fsd/base/result.h"

namespace cairn::config {

/// `${NAME}` becomes the variable's value and `$$` becomes `$`; any other `$` stays as it is. What
/// a value holds is not looked at again. Fails with a sentence that names the variable that is not
/// set, or says what is wrong with a `${`; never with a value.
[[nodiscard]] Result<std::string> substitute(const std::string& text,
                                             const Environment& environment);

}  // namespace cairn::config
