#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fsd/base/result.h"

namespace cairn::object_store::s3 {

enum class Slash { kKeep, kEncode };

/// Percent-encodes all but RFC 3986's unreserved characters, as SigV4 wants it.
[[nodiscard]] std::string percent_encode(std::string_view text, Slash slash);
/// Nothing if an escape is cut short or is not hexadecimal. '+' stands for itself.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

using QueryPairs = std::vector<std::pair<std::string, std::string>>;
/// "a=1&b=" from unencoded pairs: sorted and encoded, so that it is at once what goes on the wire
/// and what is signed.
[[nodiscard]] std::string canonical_query(const QueryPairs& pairs);

/// Where an HTTP service is: scheme, host, port and the path that goes before every other.
struct Endpoint {
  bool tls = true;
  std::string host;  // a name, an IPv4 address, or an IPv6 address in brackets
  std::uint16_t port = 443;
  std::string base_path;  // "" or "/like/this", encoded

  /// What the Host header says: the port only where it is not the scheme's own.
  [[nodiscard]] std::string authority() const;
  /// "https://authority", without the base path.
  [[nodiscard]] std::string origin() const;
  [[nodiscard]] bool is_loopback() const;
};
/// Fails with: kBadRequest, with a sentence that names the text.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace cairn::object_store::s3
