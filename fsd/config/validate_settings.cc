#include <filesystem>

#include "fsd/config/config_error.h"
#include "fsd/config/default_paths.h"
#include "fsd/config/load_settings.h"

namespace cairn::config {
namespace {

constexpr std::size_t kSocketPathBytesMax = 107;  // sun_path

bool is_same_or_below(const std::string& path, const std::string& directory) {
  if (!path.starts_with(directory)) return false;
  return path.size() == directory.size() || path[directory.size()] == '/' || directory == "/";
}

bool all_loopback(const std::vector<ListenAddress>& addresses) {
  for (const ListenAddress& address : addresses) {
    if (!address.is_loopback()) return false;
  }
  return true;
}

void check_storage(const StorageSettings& storage, ConfigErrors& errors) {
  if (!storage.url) {
    errors.add(
        "no storage is given: say storage.url in the file or --storage, as s3://bucket/prefix, "
        "file:///dir or memory:");
  }
  if (!storage.kms_key_id.empty() && storage.sse != ServerSideEncryption::kKms) {
    errors.add("storage.kms_key_id needs storage.sse = \"aws:kms\"");
  }
}

void check_aws(const AwsSettings& aws, ConfigErrors& errors) {
  if (aws.access_key_id.empty() != !aws.secret_access_key) {
    errors.add("aws.access_key_id and aws.secret_access_key are given together or not");
  }
  if (aws.session_token && aws.access_key_id.empty()) {
    errors.add("aws.session_token needs aws.access_key_id and aws.secret_access_key");
  }
  if (!aws.profile.empty() && !aws.access_key_id.empty()) {
    errors.add("aws.profile and aws.access_key_id exclude each other");
  }
  if (aws.endpoint.empty()) return;
  const bool plain = aws.endpoint.starts_with("http://");
  if (!plain && !aws.endpoint.starts_with("https://")) {
    errors.add("aws.endpoint begins with https:// or http://");
  }
  if (aws.endpoint.find('@') != aws.endpoint.npos) {
    errors.add("aws.endpoint holds no credentials: they have keys of their own");
  }
  if (plain && !aws.allow_http) {
    errors.add(
        "aws.endpoint is http://, where everybody on the way can read and change the data: take "
        "https://, or say aws.allow_http = true");
  }
}

void check_servers(const Settings& settings, ConfigErrors& errors) {
  if (settings.fuse && settings.fuse->mountpoint.empty()) {
    errors.add("[servers.fuse] needs a mountpoint");
  }
  for (const NinepSettings& ninep : settings.ninep) {
    if (ninep.addresses.empty() && ninep.unix_socket.empty()) {
      errors.add("[servers.ninep] needs addresses or a unix_socket");
    }
    if (ninep.unix_socket.size() > kSocketPathBytesMax) {
      errors.add("servers.ninep.unix_socket is longer than 107 bytes");
    }
    if (!all_loopback(ninep.addresses) && ninep.allow.empty()) {
      errors.add(
          "servers.ninep.addresses has one that others can reach: 9P has no passwords, so "
          "servers.ninep.allow must name the networks that may connect");
    }
  }
  if (!settings.web) return;
  if (settings.web->addresses.empty()) errors.add("[servers.webui] needs addresses");
  if (!all_loopback(settings.web->addresses) && !settings.web->password) {
    errors.add(
        "servers.webui.addresses has one that others can reach: servers.webui.password is "
        "required unless every address is loopback");
  }
}

/// What lies below a mount of ours waits for us while we wait for it.
void check_places(const Settings& settings, ConfigErrors& errors) {
  const std::string store =
      settings.storage.url && settings.storage.url->kind == StorageUrl::Kind::kFile
          ? settings.storage.url->directory
          : std::string();
  const std::string& cache = settings.cache.dir;
  if (!store.empty() && !cache.empty() &&
      (is_same_or_below(cache, store) || is_same_or_below(store, cache))) {
    errors.add("the cache directory and the store's directory lie within each other");
  }
  if (!settings.fuse || settings.fuse->mountpoint.empty()) return;
  const std::string& mount = settings.fuse->mountpoint;
  if (mount == "/") return errors.add("the mountpoint is the root directory");
  if (!cache.empty() && is_same_or_below(cache, mount)) {
    errors.add("the cache directory lies below the mountpoint: it would wait for itself");
  }
  if (!store.empty() && (is_same_or_below(store, mount) || is_same_or_below(mount, store))) {
    errors.add("the store's directory and the mountpoint lie within each other");
  }
  for (const NinepSettings& ninep : settings.ninep) {
    if (!ninep.unix_socket.empty() && is_same_or_below(ninep.unix_socket, mount)) {
      errors.add("servers.ninep.unix_socket lies below the mountpoint");
    }
  }
}

}  // namespace

Result<void> validate_settings(const Settings& settings) {
  ConfigErrors errors;
  check_storage(settings.storage, errors);
  check_aws(settings.aws, errors);
  check_servers(settings, errors);
  check_places(settings, errors);
  if (!is_daemon_name(settings.name)) {
    errors.add("the name is not 1 to 64 characters of A-Z a-z 0-9 . _ -");
  }
  if (!settings.snapshot.empty() && !settings.read_only) {
    errors.add("a snapshot is served read-only");
  }
  return errors.result();
}

}  // namespace cairn::config
