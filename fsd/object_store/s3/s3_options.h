#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fsd/object_store/s3/credentials.h"

namespace cairn::object_store::s3 {

enum class ServerSideEncryption { kBucketDefault, kS3, kKms };

/// How an If-Match says its etag. AWS wants quotes; Ceph compares what is between the blanks, and
/// so never finds a quoted one equal. The store's self-test learns which.
enum class EtagQuoting { kQuoted, kBare };

/// All that is to be known about a bucket and the way to it.
struct S3Options {
  std::string endpoint;  // empty: AWS's own, by region
  std::string region;    // empty: AWS_REGION, the profile, else us-east-1
  std::string bucket;
  std::string prefix;              // of every key: "" or "some/where", no '/' at either end
  CredentialsConfig credentials;   // its region is set from the one above
  bool allow_http = false;         // without TLS to another machine
  std::optional<bool> path_style;  // unset: if `endpoint` is set, or the bucket has dots
  std::string ca_file;             // PEM; empty: the system's
  std::string proxy;               // empty: http_proxy, https_proxy, no_proxy
  std::string storage_class;       // empty: the bucket's default
  ServerSideEncryption encryption = ServerSideEncryption::kBucketDefault;
  std::string kms_key_id;  // with kKms; empty: AWS's key for S3
  EtagQuoting etag_quoting = EtagQuoting::kQuoted;
  Duration connect_timeout = std::chrono::seconds(5);
  Duration stall_timeout = std::chrono::seconds(20);
  std::uint32_t connections_max = 128;
  std::string user_agent = "cairn";
};

}  // namespace cairn::object_store::s3
