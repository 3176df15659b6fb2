#pragma once

#include <system_error>

#include "fsd/base/result.h"

namespace cairn::format {

/// What a decoder refuses, as far as a caller must tell cases apart. All stand for EIO but those
/// marked otherwise.
enum class FormatErrc {
  kDamaged = 1,      // not what an encoder of ours wrote, or not for this place
  kNewer,            // a version or feature that this program does not know
  kWrongPassword,    // the volume is encrypted, with another password (EACCES)
  kPasswordMissing,  // the volume is encrypted, and no password was given (EACCES)
  kNotEncrypted,     // a password was given for a volume that is not encrypted
};
const std::error_category& format_category();
std::error_code make_error_code(FormatErrc code);
/// True if `error` is a FormatErrc `code`.
[[nodiscard]] bool is(const Error& error, FormatErrc code);

}  // namespace cairn::format

template <>
struct std::is_error_code_enum<cairn::format::FormatErrc> : std::true_type {};
