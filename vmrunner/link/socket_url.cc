#include "vmrunner/link/socket_url.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace cairn::vm {
namespace {

constexpr std::uint16_t kPlainPort = 80;
constexpr std::uint16_t kTlsPort = 443;

Error bad_url(const std::string& text, const char* why) {
  return {std::error_code(EINVAL, std::generic_category()), "this is no address of a daemon",
          "'" + text + "' (" + why + ")"};
}

bool take_scheme(std::string_view& rest, SocketUrl& url) {
  struct Scheme {
    std::string_view prefix;
    bool tls;
  };
  constexpr Scheme kSchemes[] = {
      {"ws://", false}, {"wss://", true}, {"http://", false}, {"https://", true}};
  for (const Scheme& scheme : kSchemes) {
    if (!rest.starts_with(scheme.prefix)) continue;
    rest.remove_prefix(scheme.prefix.size());
    url.tls = scheme.tls;
    url.port = scheme.tls ? kTlsPort : kPlainPort;
    return true;
  }
  return false;
}

bool read_port(std::string_view digits, std::uint16_t& port) {
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return failed == std::errc() && end == digits.data() + digits.size() && port != 0;
}

/// What would end a header, or a line of a log.
bool is_plain(char c) { return c > ' ' && c < '\x7f'; }

}  // namespace

Result<SocketUrl> SocketUrl::parse(const std::string& text) {
  SocketUrl url;
  std::string_view rest = text;
  if (!std::ranges::all_of(rest, is_plain)) return bad_url(text, "a strange character");
  if (!take_scheme(rest, url)) return bad_url(text, "it begins with ws:// or wss://");
  const std::size_t slash = rest.find_first_of("/?#");
  const std::string_view target = slash == rest.npos ? "" : rest.substr(slash);
  std::string_view authority = rest.substr(0, slash);
  if (authority.find('@') != authority.npos) return bad_url(text, "a token is given by --token");
  if (target.find('#') != target.npos) return bad_url(text, "nothing may follow a #");
  if (target.starts_with('?')) return bad_url(text, "no path before the ?");
  if (!target.empty() && target != "/") url.target = target;
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == authority.npos) return bad_url(text, "no ] behind the address");
    url.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return bad_url(text, "no : before the port");
  } else {
    const std::size_t colon = authority.find(':');
    url.host = authority.substr(0, colon);
    if (colon != authority.npos) port = authority.substr(colon);
  }
  if (url.host.empty()) return bad_url(text, "no host");
  if (!port.empty() && !read_port(port.substr(1), url.port)) {
    return bad_url(text, "a port is a number from 1 to 65535");
  }
  return url;
}

std::string SocketUrl::authority() const {
  std::string out = host.find(':') == host.npos ? host : "[" + host + "]";
  if (port != (tls ? kTlsPort : kPlainPort)) out += ":" + std::to_string(port);
  return out;
}

std::string SocketUrl::text() const { return (tls ? "wss://" : "ws://") + authority() + target; }

}  // namespace cairn::vm
