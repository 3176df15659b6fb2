#include "vmrunner/machine/run_options.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>

namespace cairn::vm {
namespace {

Error bad(const char* what, const std::string& text) {
  return {std::error_code(EINVAL, std::generic_category()), what, "'" + text + "'"};
}

bool read_port(std::string_view digits, std::uint16_t& port) {
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return failed == std::errc() && end == digits.data() + digits.size();
}

bool is_name_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

Result<PortForward> parse_forward(const std::string& text) {
  PortForward forward;
  const std::size_t colon = text.find(':');
  const std::string_view all = text;
  const std::string_view host = all.substr(0, colon);
  const std::string_view guest = colon == text.npos ? host : all.substr(colon + 1);
  if (!read_port(host, forward.host) || !read_port(guest, forward.guest) || forward.guest == 0) {
    return bad("a forward is HOST-PORT:GUEST-PORT", text);
  }
  return forward;
}

Result<std::pair<std::string, std::string>> parse_variable(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const bool is_name =
      !name.empty() && std::ranges::all_of(name, is_name_part) && (name[0] < '0' || name[0] > '9');
  if (equals == text.npos || !is_name) return bad("a variable is NAME=VALUE", text);
  return std::pair(name, text.substr(equals + 1));
}

Result<std::string> read_token(const std::string& file) {
  std::ifstream in(file);
  std::string token;
  if (!in) return system_error(errno, "the token cannot be read", file);
  std::getline(in, token);
  if (!token.empty() && token.back() == '\r') token.pop_back();
  if (token.empty()) return bad("no token is in this file", file);
  return token;
}

}  // namespace cairn::vm
