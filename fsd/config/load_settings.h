#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/environment.h"
#include "fsd/base/result.h"
#include "fsd/config/settings.h"

namespace cairn::config {

/// Reads a TOML file. Every key that is not known, of the wrong type, or out of bounds is an error
/// that names the file, the line, the key, and what was expected or probably meant. Values never
/// appear in an error: any of them may be a secret.
/// In texts, `${NAME}` is the environment's variable and `$$` a plain `$` (environment.h).
[[nodiscard]] Result<Settings> load_settings(const std::string& path,
                                             const Environment& environment);

/// The same for a text; `source` stands for the file in errors.
[[nodiscard]] Result<Settings> parse_settings(std::string_view text, const std::string& source,
                                              const Environment& environment);

/// What the command line says. Empty is: nothing.
struct Flags {
  std::optional<std::string> storage;
  std::optional<std::string> mount;
  std::vector<std::string> ninep;  // addresses, or paths of Unix sockets; instead of the file's
  std::vector<std::string> web;    // addresses, instead of the file's
  std::optional<std::string> cache_dir;
  bool read_only = false;
  std::optional<std::string> snapshot;  // implies read_only
  std::optional<std::string> name;
};

/// Puts the flags over the settings. A relative path is below `working_directory`.
[[nodiscard]] Result<void> apply_flags(Settings& settings, const Flags& flags,
                                       const std::string& working_directory);

/// What no single key shows: keys that exclude or need each other, listeners that the world could
/// reach without a secret, a cache or a store below the mount. After apply_flags(); touches no
/// disk.
[[nodiscard]] Result<void> validate_settings(const Settings& settings);

/// All settings as TOML, for status and logs; secrets as "(hidden)".
[[nodiscard]] std::string dump_settings(const Settings& settings);

/// The commented configuration that `cairn init` writes. Every key stands in it; those that are
/// commented out show the default.
[[nodiscard]] std::string_view default_settings_toml();

}  // namespace cairn::config
