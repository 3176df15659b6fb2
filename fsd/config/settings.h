#pragma once

// What a daemon is told, as plain values: from a TOML file, then the command line over it.
// Units are those of the program (bytes, Duration), not of the file.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fsd/base/clock.h"
#include "fsd/config/listen_address.h"
#include "fsd/config/ninep_values.h"
#include "fsd/config/storage_url.h"

namespace cairn::config {

/// Text that must never be shown: it has no conversion to a string, and only reveal() gives it out.
class Secret {
 public:
  explicit Secret(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] const std::string& reveal() const { return text_; }
  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

enum class ServerSideEncryption { kNone, kAes256, kKms };
enum class CompressionKind { kNone, kLz4, kZstd };
enum class Durability { kBucket, kLocal };
enum class IoUring { kAuto, kOn, kOff };
enum class Squash { kNone, kRoot, kAll };

struct StorageSettings {
  std::optional<StorageUrl> url;
  std::optional<Secret> encryption_password;
  std::optional<Duration> soft_timeout;  // empty: a request is tried for ever
  std::string storage_class;             // empty: the bucket's default
  ServerSideEncryption sse = ServerSideEncryption::kNone;
  std::string kms_key_id;
  bool operator==(const StorageSettings&) const = default;
};

/// Empty means: from the standard AWS chain, or the provider's default.
struct AwsSettings {
  std::string endpoint;
  std::string region;
  std::string access_key_id;
  std::optional<Secret> secret_access_key;
  std::optional<Secret> session_token;
  std::string profile;
  bool allow_http = false;
  std::optional<bool> path_style;  // empty: with an endpoint yes, with AWS no
  std::string ca_file;
  std::optional<Secret> proxy;  // may carry a password
  std::uint32_t connections_max = 128;
  Duration connect_timeout = std::chrono::seconds(5);
  Duration stall_timeout = std::chrono::seconds(20);
  bool operator==(const AwsSettings&) const = default;
};

struct CacheSettings {
  std::string dir;  // empty: default_cache_dir()
  std::uint64_t disk_bytes_max = 10'000'000'000;
  std::uint64_t memory_bytes_max = 500'000'000;
  bool operator==(const CacheSettings&) const = default;
};

struct Compression {
  CompressionKind kind = CompressionKind::kZstd;
  int level = 3;  // of zstd; 0 for the others
  bool operator==(const Compression&) const = default;
};

struct FilesystemSettings {
  Compression compression;
  std::uint64_t size_bytes_max = 100'000'000'000;
  Duration commit_interval = std::chrono::milliseconds(5000);
  Durability durability = Durability::kBucket;
  Duration shutdown_timeout = std::chrono::seconds(60);
  bool operator==(const FilesystemSettings&) const = default;
};

struct FuseSettings {
  std::string mountpoint;
  std::optional<bool> allow_other;  // empty: yes for root
  IoUring io_uring = IoUring::kAuto;
  std::uint32_t readers = 8;  // threads, where io_uring is not used
  bool operator==(const FuseSettings&) const = default;
};

struct NinepSettings {
  std::vector<ListenAddress> addresses;
  std::string unix_socket;
  FileMode unix_socket_mode{0666};               // who may be whom is decided by the peer's uid
  std::optional<std::uint32_t> unix_socket_uid;  // its owner; empty: the daemon's user
  std::optional<std::uint32_t> unix_socket_gid;
  std::vector<std::string> allow;           // networks (10.0.0.0/8) that may connect from elsewhere
  std::vector<std::uint32_t> trusted_uids;  // local users who may be anybody, besides root
  bool read_only = false;
  Squash squash = Squash::kNone;
  std::uint32_t squash_uid = 65534;
  std::uint32_t squash_gid = 65534;
  std::vector<IdRange> uid_map;
  std::vector<IdRange> gid_map;
  bool lookup_groups = true;  // in this machine's user database
  bool operator==(const NinepSettings&) const = default;
};

struct WebSettings {
  std::vector<ListenAddress> addresses;
  /// Set, this local user needs no password; empty: 1000, who does.
  std::optional<std::uint32_t> uid;
  std::uint32_t gid = 1000;
  std::optional<bool> guest_root;  // empty: yes, if every address is loopback
  std::optional<Secret> password;
  std::vector<std::string> hosts;    // names that it is reached by; empty: its addresses
  std::vector<std::string> origins;  // let in besides those of the hosts
  std::string page_dir;              // empty: where the page is installed or built
  std::string vm_dir;                // ... and the guest's image
  Duration resume_grace = std::chrono::seconds(120);  // for a client whose connection dropped
  bool operator==(const WebSettings&) const = default;
};

struct Settings {
  StorageSettings storage;
  AwsSettings aws;
  CacheSettings cache;
  FilesystemSettings filesystem;
  std::optional<FuseSettings> fuse;
  std::vector<NinepSettings> ninep;
  std::optional<WebSettings> web;
  // From the command line alone.
  std::string name = "cairn";  // of the daemon: its control socket and its cache
  bool read_only = false;
  std::string snapshot;           // serve this snapshot, read-only
  bool secrets_are_open = false;  // the file has secrets in it, and everybody may read it
  bool operator==(const Settings&) const = default;
};

}  // namespace cairn::config
