#include "fsd/config/default_paths.h"

#include <algorithm>
#include <cctype>

#include "fsd/config/config_error.h"

namespace cairn::config {
namespace {

constexpr std::size_t kNameBytesMax = 64;

/// XDG's rule: what is not absolute is as good as unset.
std::string absolute_variable(const Environment& environment, const char* name) {
  const std::string value = environment(name).value_or("");
  return value.starts_with('/') ? value : std::string();
}

}  // namespace

Result<std::string> default_cache_dir(uid_t euid, const Environment& environment,
                                      const std::string& name) {
  if (euid == 0) return "/var/cache/cairn/" + name;
  const std::string cache = absolute_variable(environment, "XDG_CACHE_HOME");
  if (!cache.empty()) return cache + "/cairn/" + name;
  const std::string home = absolute_variable(environment, "HOME");
  if (!home.empty()) return home + "/.cache/cairn/" + name;
  return config_error("there is no HOME to keep a cache in: give cache.dir or --cache-dir");
}

std::string default_control_socket(uid_t euid, const Environment& environment,
                                   const std::string& name) {
  if (euid == 0) return "/run/cairn/" + name + ".sock";
  const std::string run = absolute_variable(environment, "XDG_RUNTIME_DIR");
  if (!run.empty()) return run + "/cairn/" + name + ".sock";
  return "/tmp/cairn-" + std::to_string(euid) + '/' + name + ".sock";
}

bool is_daemon_name(const std::string& name) {
  if (name.empty() || name.size() > kNameBytesMax || name[0] == '.' || name[0] == '-') return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace cairn::config
