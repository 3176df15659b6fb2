#include "fsd/config/substitute.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "fsd/config/config_error.h"

namespace cairn::config {
namespace {

bool is_variable_name(const std::string& name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) return false;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

}  // namespace

Result<std::string> substitute(const std::string& text, const Environment& environment) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (text[at] != '$' || (next != '$' && next != '{')) {
      out += text[at++];
      continue;
    }
    if (next == '$') {
      out += '$';
      at += 2;
      continue;
    }
    const std::size_t end = text.find('}', at);
    const std::string name = end == text.npos ? "" : text.substr(at + 2, end - at - 2);
    if (!is_variable_name(name)) {
      return config_error("${ is not followed by a variable's name and } (write $$ for a plain $)");
    }
    const std::optional<std::string> value = environment(name);
    if (!value) return config_error("the environment variable " + name + " is not set");
    out += *value;
    at = end + 1;
  }
  return out;
}

}  // namespace cairn::config
