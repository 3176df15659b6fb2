#include "fsd/object_store/s3/uri.h"

#include <algorithm>
#include <charconv>

#include "fsd/object_store/object_store.h"

namespace cairn::object_store::s3 {
namespace {

bool is_unreserved(unsigned char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Error bad_endpoint(std::string_view text, const char* why) {
  return {make_error_code(StoreErrc::kBadRequest), "bad endpoint",
          "'" + std::string(text) + "' " + why};
}

bool parse_port(std::string_view digits, std::uint16_t& port) {
  const char* end = digits.data() + digits.size();
  auto [stopped, error] = std::from_chars(digits.data(), end, port);
  return error == std::errc() && stopped == end && port != 0;
}

bool is_host_character(char c) {
  return is_unreserved(static_cast<unsigned char>(c)) || c == ':' || c == '[' || c == ']';
}

}  // namespace

std::string percent_encode(std::string_view text, Slash slash) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_unreserved(byte) || (c == '/' && slash == Slash::kKeep)) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string canonical_query(const QueryPairs& pairs) {
  QueryPairs encoded;
  encoded.reserve(pairs.size());
  for (const auto& [name, value] : pairs) {
    encoded.emplace_back(percent_encode(name, Slash::kEncode),
                         percent_encode(value, Slash::kEncode));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

std::string Endpoint::authority() const {
  if (port == (tls ? 443 : 80)) return host;
  return host + ":" + std::to_string(port);
}

std::string Endpoint::origin() const { return (tls ? "https://" : "http://") + authority(); }

bool Endpoint::is_loopback() const {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    endpoint.tls = false;
    endpoint.port = 80;
  } else {
    return bad_endpoint(text, "does not begin with http:// or https://");
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view path = rest.substr(slash);
  std::string_view host = rest.substr(0, slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.find_first_of("?#% \r\n") != std::string_view::npos) {
    return bad_endpoint(text, "has a path with characters that do not belong there");
  }
  const std::size_t colon = host.rfind(':');
  const std::size_t bracket = host.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    if (!parse_port(host.substr(colon + 1), endpoint.port)) {
      return bad_endpoint(text, "has a port that is no port");
    }
    host = host.substr(0, colon);
  }
  if (host.empty() || !std::all_of(host.begin(), host.end(), is_host_character)) {
    return bad_endpoint(text, "names no host");
  }
  endpoint.host = std::string(host);
  std::transform(endpoint.host.begin(), endpoint.host.end(), endpoint.host.begin(),
                 [](unsigned char c) { return (c >= 'A' && c <= 'Z') ? c + 32 : c; });
  endpoint.base_path = percent_encode(path, Slash::kKeep);
  return endpoint;
}

}  // namespace cairn::object_store::s3
