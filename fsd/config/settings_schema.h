#pragma once

// Every key of the configuration, once: the reader, the dump and the search for a misspelt key are
// visitors of these functions. A visitor has one member function per kind of value.

#include <array>
#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "fsd/config/config_error.h"
#include "fsd/config/settings.h"

namespace cairn::config::schema {

template <class E>
using Choices = std::initializer_list<std::pair<std::string_view, E>>;

inline constexpr double kBytesPerGigabyte = 1e9;
inline constexpr std::uint32_t kIdMax = 0xFFFFFFFE;  // the last uid means "none"

inline std::string print_compression(const Compression& value) {
  if (value.kind == CompressionKind::kNone) return "none";
  if (value.kind == CompressionKind::kLz4) return "lz4";
  return "zstd-" + std::to_string(value.level);
}

inline Result<Compression> parse_compression(std::string_view text) {
  if (text == "none") return Compression{.kind = CompressionKind::kNone, .level = 0};
  if (text == "lz4") return Compression{.kind = CompressionKind::kLz4, .level = 0};
  Compression zstd;
  if (text == "zstd") return zstd;
  constexpr std::string_view kStart = "zstd-";
  if (text.starts_with(kStart)) {
    text.remove_prefix(kStart.size());
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), zstd.level);
    if (error == std::errc() && end == text.data() + text.size() && zstd.level >= 1 &&
        zstd.level <= 19) {
      return zstd;
    }
  }
  return config_error("expected \"zstd-1\" to \"zstd-19\", \"lz4\" or \"none\"");
}

inline std::string print_url(const StorageUrl& url) { return url.text(); }

template <class V>
void visit(V& v, StorageSettings& s) {
  using std::chrono::hours;
  using std::chrono::seconds;
  v.parsed("url", s.url, &parse_storage_url, &print_url);
  v.secret("encryption_password", s.encryption_password);
  v.seconds("soft_timeout_s", s.soft_timeout, seconds(1), hours(24 * 365));
  v.text("storage_class", s.storage_class);
  v.choice("sse", s.sse,
           Choices<ServerSideEncryption>{{"AES256", ServerSideEncryption::kAes256},
                                         {"aws:kms", ServerSideEncryption::kKms}});
  v.text("kms_key_id", s.kms_key_id);
}

template <class V>
void visit(V& v, AwsSettings& s) {
  using std::chrono::minutes;
  using std::chrono::seconds;
  v.text("endpoint", s.endpoint);
  v.text("region", s.region);
  v.text("access_key_id", s.access_key_id);
  v.secret("secret_access_key", s.secret_access_key);
  v.secret("session_token", s.session_token);
  v.text("profile", s.profile);
  v.boolean("allow_http", s.allow_http);
  v.boolean("path_style", s.path_style);
  v.path("ca_file", s.ca_file);
  v.secret("proxy", s.proxy);
  v.integer("connections_max", s.connections_max, 1, 1024);
  v.seconds("connect_timeout_s", s.connect_timeout, seconds(1), minutes(10));
  v.seconds("stall_timeout_s", s.stall_timeout, seconds(1), minutes(60));
}

template <class V>
void visit(V& v, CacheSettings& s) {
  v.path("dir", s.dir);
  v.gigabytes("disk_size_gb", s.disk_bytes_max, 0.1, 1e6);
  v.gigabytes("memory_size_gb", s.memory_bytes_max, 0.01, 1e4);
}

template <class V>
void visit(V& v, FilesystemSettings& s) {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  using std::chrono::seconds;
  v.parsed("compression", s.compression, &parse_compression, &print_compression);
  v.gigabytes("max_size_gb", s.size_bytes_max, 0.001, 9e9);
  v.milliseconds("commit_interval_ms", s.commit_interval, milliseconds(10), minutes(10));
  v.choice("durability", s.durability,
           Choices<Durability>{{"bucket", Durability::kBucket}, {"local", Durability::kLocal}});
  v.seconds("shutdown_timeout_s", s.shutdown_timeout, seconds(1), hours(24));
}

template <class V>
void visit(V& v, FuseSettings& s) {
  v.path("mountpoint", s.mountpoint);
  v.boolean("allow_other", s.allow_other);
  v.choice(
      "io_uring", s.io_uring,
      Choices<IoUring>{{"auto", IoUring::kAuto}, {"on", IoUring::kOn}, {"off", IoUring::kOff}});
  v.integer("readers", s.readers, 1, 64);
}

template <class V>
void visit(V& v, NinepSettings& s) {
  v.addresses("addresses", s.addresses);
  v.path("unix_socket", s.unix_socket);
  v.parsed("unix_socket_mode", s.unix_socket_mode, &parse_file_mode, &print_file_mode);
  v.integer("unix_socket_uid", s.unix_socket_uid, 0, kIdMax);
  v.integer("unix_socket_gid", s.unix_socket_gid, 0, kIdMax);
  v.texts("allow", s.allow, &is_network,
          "expected networks such as \"10.0.0.0/8\" or \"fd00::/8\"");
  v.integers("trusted_uids", s.trusted_uids, 0, kIdMax);
  v.boolean("read_only", s.read_only);
  v.choice(
      "squash", s.squash,
      Choices<Squash>{{"none", Squash::kNone}, {"root", Squash::kRoot}, {"all", Squash::kAll}});
  v.integer("squash_uid", s.squash_uid, 0, kIdMax);
  v.integer("squash_gid", s.squash_gid, 0, kIdMax);
  v.parsed("uid_map", s.uid_map, &parse_id_ranges, &print_id_ranges);
  v.parsed("gid_map", s.gid_map, &parse_id_ranges, &print_id_ranges);
  v.boolean("lookup_groups", s.lookup_groups);
}

template <class V>
void visit(V& v, WebSettings& s) {
  v.addresses("addresses", s.addresses);
  v.integer("uid", s.uid, 0, kIdMax);
  v.integer("gid", s.gid, 0, kIdMax);
  v.boolean("guest_root", s.guest_root);
  v.secret("password", s.password);
  v.texts("hosts", s.hosts, &is_web_host,
          "expected names such as \"cairn.example.org\" or \"cairn.example.org:8443\"");
  v.texts("origins", s.origins, &is_web_origin,
          "expected origins such as \"https://cairn.example.org\"");
  v.path("page_dir", s.page_dir);
  v.path("vm_dir", s.vm_dir);
  v.seconds("resume_grace_s", s.resume_grace, std::chrono::seconds(1), std::chrono::hours(24));
}

/// The tables that are there once, with the name of each.
template <class F>
void each_single_table(Settings& settings, F f) {
  f("storage", settings.storage);
  f("aws", settings.aws);
  f("cache", settings.cache);
  f("filesystem", settings.filesystem);
}
inline constexpr const char* kFuseTable = "servers.fuse";
inline constexpr const char* kNinepTable = "servers.ninep";
inline constexpr const char* kWebTable = "servers.webui";

}  // namespace cairn::config::schema
