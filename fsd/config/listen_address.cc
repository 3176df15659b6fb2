#include "fsd/config/listen_address.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>

#include "fsd/config/config_error.h"

namespace cairn::config {
namespace {

bool is_ip(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> parsed{};
  return ::inet_pton(family, text.c_str(), parsed.data()) == 1;
}

template <class T>
bool parse_whole(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

Error bad_address() {
  return config_error("an address is not of the form 127.0.0.1:5564, [::1]:5564 or localhost:5564");
}

}  // namespace

std::string ListenAddress::text() const {
  const bool v6 = host.find(':') != host.npos;
  return (v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

bool ListenAddress::is_loopback() const {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  ListenAddress address;
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || !parse_whole(text.substr(colon + 1), address.port)) {
    return bad_address();
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  address.host = host;
  if (address.host.find('\0') != address.host.npos) return bad_address();
  const bool right = bracketed ? is_ip(AF_INET6, address.host)
                               : is_ip(AF_INET, address.host) || address.host == "localhost";
  if (!right) return bad_address();
  return address;
}

bool is_network(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string address(text.substr(0, slash));
  const bool v4 = is_ip(AF_INET, address);
  if (!v4 && !is_ip(AF_INET6, address)) return false;
  if (slash == text.size()) return true;
  unsigned bits = 0;
  return parse_whole(text.substr(slash + 1), bits) && bits <= (v4 ? 32U : 128U);
}

bool is_web_host(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool is_six = text.starts_with('[');
  if (colon != text.npos && !(is_six && text.ends_with(']'))) {
    std::uint16_t port = 0;
    if (!parse_whole(text.substr(colon + 1), port)) return false;
    text = text.substr(0, colon);
  }
  if (is_six) {
    return text.ends_with(']') && is_ip(AF_INET6, std::string(text.substr(1, text.size() - 2)));
  }
  constexpr std::string_view kCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return !text.empty() && text.find_first_not_of(kCharacters) == text.npos;
}

bool is_web_origin(std::string_view text) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (text.starts_with(scheme)) return is_web_host(text.substr(scheme.size()));
  }
  return false;
}

}  // namespace cairn::config
