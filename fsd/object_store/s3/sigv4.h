#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fsd/base/bytes.h"
#include "fsd/base/clock.h"
#include "fsd/base/hex.h"

namespace cairn::object_store::s3 {

using Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Digest sha256(ByteView bytes);
[[nodiscard]] Digest hmac_sha256(ByteView key, ByteView bytes);
/// "20150830T123600Z" for a time since 1970.
[[nodiscard]] std::string amz_timestamp(Duration wall);

/// The payload hash that stands for "not hashed"; see README.md for when it is used.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

struct SignedHeader {
  std::string name;  // lower case
  std::string value;
};

/// What AWS Signature Version 4 covers of a request.
struct SigningInput {
  std::string_view method;
  std::string_view path;              // encoded, as on the wire
  std::string_view query;             // from canonical_query()
  std::vector<SignedHeader> headers;  // all of these are signed; "host" must be among them
  std::string_view payload_hash;      // hexadecimal, or kUnsignedPayload
  std::string_view timestamp;         // from amz_timestamp()
};

/// Makes Authorization headers. Keeps the day's signing key, which costs four HMACs.
/// Threads: core only.   Fails: never; a wrong secret makes a wrong signature.
class Signer {
 public:
  Signer(std::string region, std::string service)
      : region_(std::move(region)), service_(std::move(service)) {}

  [[nodiscard]] std::string authorization(SigningInput input, const std::string& access_key_id,
                                          const std::string& secret_access_key);

 private:
  const Digest& signing_key(std::string_view date, const std::string& secret);

  std::string region_;
  std::string service_;
  std::string key_date_;
  std::string key_secret_;
  Digest key_{};
};

}  // namespace cairn::object_store::s3
