#include <filesystem>

#include "fsd/config/config_error.h"
#include "fsd/config/load_settings.h"

namespace cairn::config {
namespace {

Result<std::string> absolute_path(const char* flag, const std::string& path,
                                  const std::string& working_directory) {
  if (path.empty()) return config_error(std::string(flag) + " is empty");
  std::string absolute =
      (std::filesystem::path(working_directory) / path).lexically_normal().string();
  while (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  return absolute;
}

bool is_socket_path(const std::string& text) {
  return text.starts_with('/') || text.starts_with("./");
}

/// --ninep replaces the file's servers: one server for each, without options.
Result<std::vector<NinepSettings>> ninep_servers(const std::vector<std::string>& flags,
                                                 const std::string& working_directory) {
  std::vector<NinepSettings> servers;
  for (const std::string& flag : flags) {
    NinepSettings server;
    if (is_socket_path(flag)) {
      TRY(server.unix_socket, absolute_path("--ninep", flag, working_directory));
    } else {
      TRY(auto address, parse_listen_address(flag));
      server.addresses.push_back(std::move(address));
    }
    servers.push_back(std::move(server));
  }
  return servers;
}

}  // namespace

Result<void> apply_flags(Settings& settings, const Flags& flags,
                         const std::string& working_directory) {
  if (flags.storage) {
    TRY(settings.storage.url, parse_storage_url(*flags.storage));
  }
  if (flags.mount) {
    if (!settings.fuse) settings.fuse.emplace();
    TRY(settings.fuse->mountpoint, absolute_path("--mount", *flags.mount, working_directory));
  }
  if (!flags.ninep.empty()) {
    TRY(settings.ninep, ninep_servers(flags.ninep, working_directory));
  }
  if (!flags.web.empty()) {
    if (!settings.web) settings.web.emplace();
    settings.web->addresses.clear();
    for (const std::string& flag : flags.web) {
      TRY(auto address, parse_listen_address(flag));
      settings.web->addresses.push_back(std::move(address));
    }
  }
  if (flags.cache_dir) {
    TRY(settings.cache.dir, absolute_path("--cache-dir", *flags.cache_dir, working_directory));
  }
  if (flags.read_only) settings.read_only = true;
  if (flags.snapshot) {
    if (flags.snapshot->empty()) return config_error("--snapshot is empty");
    settings.snapshot = *flags.snapshot;
    settings.read_only = true;
  }
  if (flags.name) settings.name = *flags.name;
  return {};
}

}  // namespace cairn::config
