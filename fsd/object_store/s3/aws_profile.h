#pragma once

// The files and variables by which AWS's own tools are configured. An empty variable counts as not
// set.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "fsd/base/environment.h"

namespace cairn::object_store::s3 {

using IniSection = std::map<std::string, std::string>;
/// Sections of an INI file as AWS writes them. Lines that are none are passed over.
[[nodiscard]] std::map<std::string, IniSection> parse_ini(std::string_view text);

/// A whole small file; nothing if it cannot be read. Blocks.
[[nodiscard]] std::optional<std::string> read_small_file(const std::string& path);

/// The settings of one profile.
struct AwsProfile {
  std::string name;
  bool found = false;
  IniSection values;
  /// "" if there is no such key.
  [[nodiscard]] std::string value(const char* key) const;
};
/// The profile `wanted` from ~/.aws/config and ~/.aws/credentials (the latter win), or from the
/// files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name. If `wanted` is empty: the one
/// that AWS_PROFILE names, else "default". Blocks.
[[nodiscard]] AwsProfile load_profile(const Environment& environment, const std::string& wanted);

/// The region by AWS_REGION, AWS_DEFAULT_REGION or the profile; "" if none says. Blocks.
[[nodiscard]] std::string find_region(const Environment& environment, const std::string& profile);

}  // namespace cairn::object_store::s3
