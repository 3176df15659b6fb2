#include "fsd/object_store/s3/aws_profile.h"

#include <algorithm>
#include <fstream>

namespace cairn::object_store::s3 {
namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string file_path(const Environment& environment, const char* variable, const char* name) {
  if (auto path = find_non_empty(environment, variable)) return *path;
  const auto home = find_non_empty(environment, "HOME");
  return home ? *home + "/.aws/" + name : std::string();
}

/// "profile  work" -> "work"; "default" -> "default".
std::string config_section_name(const std::string& section) {
  if (!section.starts_with("profile ")) return section;
  return std::string(trimmed(std::string_view(section).substr(8)));
}

}  // namespace

std::map<std::string, IniSection> parse_ini(std::string_view text) {
  std::map<std::string, IniSection> sections;
  IniSection* current = nullptr;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view line = trimmed(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      const std::size_t close = line.find(']');
      const auto name = trimmed(line.substr(1, close == line.npos ? line.npos : close - 1));
      current = &sections[std::string(name)];
      continue;
    }
    const std::size_t equals = line.find('=');
    // An indented line belongs to a nested setting such as "s3 =", which does not concern us.
    const bool nested = raw.front() == ' ' || raw.front() == '\t';
    if (current == nullptr || equals == line.npos || nested) continue;
    (*current)[std::string(trimmed(line.substr(0, equals)))] = trimmed(line.substr(equals + 1));
  }
  return sections;
}

std::optional<std::string> read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (path.empty() || !file) return std::nullopt;
  std::string text(kFileBytesMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return std::nullopt;
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::string AwsProfile::value(const char* key) const {
  const auto found_value = values.find(key);
  return found_value == values.end() ? std::string() : found_value->second;
}

AwsProfile load_profile(const Environment& environment, const std::string& wanted) {
  AwsProfile profile;
  profile.name =
      wanted.empty() ? find_non_empty(environment, "AWS_PROFILE").value_or("default") : wanted;
  const auto merge = [&profile](const IniSection& section) {
    profile.found = true;
    for (const auto& [key, value] : section) profile.values[key] = value;
  };
  const auto config = read_small_file(file_path(environment, "AWS_CONFIG_FILE", "config"));
  for (const auto& [name, section] : parse_ini(config.value_or(""))) {
    if (config_section_name(name) == profile.name) merge(section);
  }
  const auto credentials =
      read_small_file(file_path(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials"));
  for (const auto& [name, section] : parse_ini(credentials.value_or(""))) {
    if (name == profile.name) merge(section);
  }
  return profile;
}

std::string find_region(const Environment& environment, const std::string& profile) {
  if (auto region = find_non_empty(environment, "AWS_REGION")) return *region;
  if (auto region = find_non_empty(environment, "AWS_DEFAULT_REGION")) return *region;
  return load_profile(environment, profile).value("region");
}

}  // namespace cairn::object_store::s3
