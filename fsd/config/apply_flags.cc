#include <filesystem>

#include "fsd/config/config_error.h"
#include "fsd/config/load_settings.h"

namespace cairn::config {
namespace {

/// Takes the flags over one by one; an error names its flag.
class FlagReader {
 public:
  explicit FlagReader(std::string working_directory)
      : working_directory_(std::move(working_directory)) {}

  /// The value that `parse` makes of what was given.
  template <class T>
  void take(const char* flag, const std::optional<std::string>& given, T& out,
            Result<T> (*parse)(std::string_view)) {
    if (!given) return;
    auto value = parse(*given);
    if (!value) return fail(flag, *value.error().detail);
    out = *std::move(value);
  }
  void take_path(const char* flag, const std::optional<std::string>& given, std::string& out) {
    if (!given) return;
    if (given->empty()) return fail(flag, "is empty");
    out = (std::filesystem::path(working_directory_) / *given).lexically_normal().string();
    while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  }
  void fail(const char* flag, const std::string& sentence) {
    errors_.add(std::string(flag) + ": " + sentence);
  }
  [[nodiscard]] Result<void> result() const { return errors_.result(); }

 private:
  std::string working_directory_;
  ConfigErrors errors_;
};

bool is_socket_path(const std::string& text) {
  return text.starts_with('/') || text.starts_with("./");
}

/// --ninep replaces the file's servers: one server for each, without options.
std::vector<NinepSettings> ninep_servers(const std::vector<std::string>& flags,
                                         FlagReader& reader) {
  std::vector<NinepSettings> servers;
  for (const std::string& flag : flags) {
    NinepSettings& server = servers.emplace_back();
    if (is_socket_path(flag)) {
      reader.take_path("--ninep", flag, server.unix_socket);
    } else {
      reader.take("--ninep", flag, server.addresses.emplace_back(), parse_listen_address);
    }
  }
  return servers;
}

}  // namespace

Result<void> apply_flags(Settings& settings, const Flags& flags,
                         const std::string& working_directory) {
  FlagReader reader(working_directory);
  if (flags.storage) {
    reader.take("--storage", flags.storage, settings.storage.url.emplace(), parse_storage_url);
  }
  if (flags.mount) {
    if (!settings.fuse) settings.fuse.emplace();
    reader.take_path("--mount", flags.mount, settings.fuse->mountpoint);
  }
  if (!flags.ninep.empty()) settings.ninep = ninep_servers(flags.ninep, reader);
  if (!flags.web.empty()) {
    if (!settings.web) settings.web.emplace();
    settings.web->addresses.clear();
    for (const std::string& flag : flags.web) {
      reader.take("--web", flag, settings.web->addresses.emplace_back(), parse_listen_address);
    }
  }
  reader.take_path("--cache-dir", flags.cache_dir, settings.cache.dir);
  if (flags.read_only) settings.read_only = true;
  if (flags.snapshot) {
    if (flags.snapshot->empty()) reader.fail("--snapshot", "is empty");
    settings.snapshot = *flags.snapshot;
    settings.read_only = true;
  }
  if (flags.name) settings.name = *flags.name;
  return reader.result();
}

}  // namespace cairn::config
