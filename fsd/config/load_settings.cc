// The one file that sees the TOML parser.

#define TOML_EXCEPTIONS 0
#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fsd/config/known_tables.h"
#include "fsd/config/load_settings.h"
#include "fsd/config/nearest_name.h"
#include "fsd/config/settings_schema.h"
#include "fsd/config/substitute.h"

namespace cairn::config {
namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;
constexpr std::size_t kTextBytesMax = 8192;
constexpr std::size_t kListMax = 64;

/// Where an error lies, the environment, and the errors: what every reader of a table needs.
struct Source {
  const std::string& file;
  const Environment& environment;
  ConfigErrors& errors;

  void error(const toml::source_region& at, const std::string& sentence) const {
    const auto line = at.begin.line;
    errors.add(file + ':' + std::to_string(line) + ": " + sentence, line);
  }
};

/// Reads one table's keys by the schema.
class TableReader {
 public:
  TableReader(const Source& source, std::string name, const toml::table& table)
      : source_(source), name_(std::move(name)), table_(table) {}

  void text(const char* name, std::string& out) {
    if (auto value = take_text(name)) out = *std::move(value);
  }
  void secret(const char* name, std::optional<Secret>& out) {
    auto value = take_text(name);
    if (!value) return;
    if (value->empty()) return fail(name, "is empty: leave the key out instead");
    out.emplace(*std::move(value));
  }
  void path(const char* name, std::string& out) {
    auto value = take_text(name);
    if (!value) return;
    if (!value->starts_with('/')) return fail(name, "expected an absolute path");
    out = std::filesystem::path(*value).lexically_normal().string();
    while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  }
  template <class T, class Parse, class Print>
  void parsed(const char* name, T& out, Parse parse, Print) {
    const auto value = take_text(name);
    if (!value) return;
    auto result = parse(*value);
    if (!result) return fail(name, *result.error().detail);
    out = *std::move(result);
  }
  template <class E>
  void choice(const char* name, E& out, schema::Choices<E> choices) {
    const auto value = take_text(name);
    if (!value) return;
    std::string expected;
    for (const auto& [text, meaning] : choices) {
      if (*value == text) {
        out = meaning;
        return;
      }
      expected += (expected.empty() ? "\"" : ", \"") + std::string(text) + '"';
    }
    fail(name, "expected one of " + expected);
  }
  template <class B>
  void boolean(const char* name, B& out) {
    const toml::node* node = find(name);
    if (node == nullptr) return;
    const auto value = node->value_exact<bool>();
    if (!value) return fail(name, "expected true or false");
    const bool given = *value;
    out = given;
  }
  template <class I>  // std::uint32_t, or an optional one
  void integer(const char* name, I& out, std::uint32_t least, std::uint32_t most) {
    const auto value = take_integer(name, least, most);
    if (value) out = static_cast<std::uint32_t>(*value);
  }
  void integers(const char* name, std::vector<std::uint32_t>& out, std::uint32_t least,
                std::uint32_t most) {
    const toml::node* node = find(name);
    if (node == nullptr) return;
    const auto refuse = [&] {
      fail(name, "expected a list of whole numbers from " + std::to_string(least) + " to " +
                     std::to_string(most));
    };
    if (!node->is_array()) return refuse();
    for (const toml::node& one : *node->as_array()) {
      const auto value = one.value_exact<std::int64_t>();
      if (!value || *value < least || *value > most) return refuse();
      out.push_back(static_cast<std::uint32_t>(*value));
    }
  }
  template <class D>
  void seconds(const char* name, D& out, Duration least, Duration most) {
    take_duration(name, out, std::chrono::seconds(1), least, most);
  }
  template <class D>
  void milliseconds(const char* name, D& out, Duration least, Duration most) {
    take_duration(name, out, std::chrono::milliseconds(1), least, most);
  }
  void gigabytes(const char* name, std::uint64_t& bytes, double least, double most) {
    const toml::node* node = find(name);
    if (node == nullptr) return;
    const auto value = node->is_number() ? node->value<double>() : std::nullopt;
    if (!value || !std::isfinite(*value) || *value < least || *value > most) {
      std::ostringstream expected;
      expected << "expected a number from " << least << " to " << most;
      return fail(name, expected.str());
    }
    bytes = static_cast<std::uint64_t>(std::llround(*value * schema::kBytesPerGigabyte));
  }
  void addresses(const char* name, std::vector<ListenAddress>& out) {
    for (const std::string& text : take_texts(name)) {
      auto address = parse_listen_address(text);
      if (!address) return fail(name, *address.error().detail);
      out.push_back(*std::move(address));
    }
  }
  void texts(const char* name, std::vector<std::string>& out, bool (*is_right)(std::string_view),
             const char* expected) {
    out = take_texts(name);
    for (const std::string& text : out) {
      if (!is_right(text)) return fail(name, expected);
    }
  }

  /// Refuses the keys that nobody asked for.
  void refuse_others(const std::vector<std::string>& names) const {
    for (const auto& [key, node] : table_) {
      const std::string name(key.str());
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        source_.error(key.source(),
                      "unknown key \"" + name_ + '.' + name + '"' + suggestion(name, names));
      }
    }
  }

 private:
  std::string suggestion(const std::string& wrong, const std::vector<std::string>& names) const {
    if (const KnownTable* other = find_table_with(wrong)) {
      return ": it belongs in [" + other->name + ']';
    }
    if (const auto near = nearest_name(wrong, names)) return ": did you mean \"" + *near + "\"?";
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    return "; known there: " + all;
  }
  void fail(const char* name, const std::string& sentence) {
    source_.error(table_.get(name)->source(), name_ + '.' + name + ": " + sentence);
  }
  const toml::node* find(const char* name) const { return table_.get(name); }

  std::optional<std::string> expand(const char* name, const std::string& raw) {
    auto value = substitute(raw, source_.environment);
    if (!value) {
      fail(name, *value.error().detail);
      return std::nullopt;
    }
    if (value->size() > kTextBytesMax || value->find('\0') != value->npos) {
      fail(name, "expected a text of at most 8192 bytes without a zero byte");
      return std::nullopt;
    }
    return *std::move(value);
  }
  std::optional<std::string> take_text(const char* name) {
    const toml::node* node = find(name);
    if (node == nullptr) return std::nullopt;
    const auto raw = node->value_exact<std::string>();
    if (!raw) {
      fail(name, "expected a text in quotes");
      return std::nullopt;
    }
    return expand(name, *raw);
  }
  std::vector<std::string> take_texts(const char* name) {
    std::vector<std::string> texts;
    const toml::node* node = find(name);
    if (node == nullptr) return texts;
    const toml::array* array = node->as_array();
    if (array == nullptr || array->size() > kListMax) {
      fail(name, "expected a list of at most 64 texts: [\"...\", \"...\"]");
      return {};
    }
    for (const toml::node& element : *array) {
      const auto raw = element.value_exact<std::string>();
      if (!raw) {
        fail(name, "expected a list of texts: [\"...\", \"...\"]");
        return {};
      }
      auto value = expand(name, *raw);
      if (!value) return {};
      texts.push_back(*std::move(value));
    }
    return texts;
  }
  std::optional<std::int64_t> take_integer(const char* name, std::int64_t least,
                                           std::int64_t most) {
    const toml::node* node = find(name);
    if (node == nullptr) return std::nullopt;
    const auto value = node->value_exact<std::int64_t>();
    if (value && *value >= least && *value <= most) return value;
    fail(name,
         "expected a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  template <class D>
  void take_duration(const char* name, D& out, Duration unit, Duration least, Duration most) {
    const auto value = take_integer(name, least / unit, most / unit);
    if (value) out = *value * unit;
  }

  const Source& source_;
  std::string name_;
  const toml::table& table_;
};

template <class S>
void read_table(const Source& source, const std::string& name, const toml::node& node,
                S& settings) {
  const toml::table* table = node.as_table();
  if (table == nullptr)
    return source.error(node.source(), name + ": expected a table: [" + name + ']');
  TableReader reader(source, name, *table);
  schema::visit(reader, settings);
  reader.refuse_others(find_table(name)->keys);
}

void refuse_table(const Source& source, const toml::key& key, const std::string& prefix) {
  std::vector<std::string> names;
  for (const KnownTable& known : known_tables()) names.push_back(known.name);
  const std::string wrong = prefix + std::string(key.str());
  // A key that stands above every table belongs into one of them.
  if (const KnownTable* known = find_table_with(key.str())) {
    return source.error(key.source(),
                        "unknown key \"" + wrong + "\": it belongs in [" + known->name + ']');
  }
  const auto near = nearest_name(wrong, names);
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "[" : ", [") + name + ']';
  return source.error(key.source(),
                      "unknown key or table \"" + wrong + '"' +
                          (near ? ": did you mean [" + *near + "]?" : "; known are " + all));
}

void read_ninep(const Source& source, const toml::node& node, Settings& settings) {
  const toml::array* several = node.as_array();
  if (several == nullptr) {
    return read_table(source, schema::kNinepTable, node, settings.ninep.emplace_back());
  }
  if (several->size() > kListMax)
    return source.error(node.source(), "more than 64 [[servers.ninep]]");
  for (const toml::node& one : *several) {
    read_table(source, schema::kNinepTable, one, settings.ninep.emplace_back());
  }
}

void read_servers(const Source& source, const toml::node& node, Settings& settings) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return source.error(node.source(), "servers: expected tables");
  for (const auto& [key, server] : *table) {
    if (key == "fuse") {
      read_table(source, schema::kFuseTable, server, settings.fuse.emplace());
    } else if (key == "ninep") {
      read_ninep(source, server, settings);
    } else if (key == "webui") {
      read_table(source, schema::kWebTable, server, settings.web.emplace());
    } else {
      refuse_table(source, key, "servers.");
    }
  }
}

void read_top(const Source& source, const toml::key& key, const toml::node& node,
              Settings& settings) {
  if (key == "servers") return read_servers(source, node, settings);
  bool known = false;
  schema::each_single_table(settings, [&](const char* name, auto& part) {
    if (key != name) return;
    known = true;
    read_table(source, name, node, part);
  });
  if (!known) refuse_table(source, key, "");
}

bool others_may_read(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && (found.st_mode & S_IROTH) != 0;
}

/// Whether a secret is written out in the file, and not named as ${VARIABLE}.
bool holds_secrets(const Settings& settings, std::string_view text) {
  std::vector<const std::optional<Secret>*> secrets = {
      &settings.storage.encryption_password, &settings.aws.secret_access_key,
      &settings.aws.session_token, &settings.aws.proxy};
  if (settings.web) secrets.push_back(&settings.web->password);
  return std::ranges::any_of(secrets, [text](const std::optional<Secret>* secret) {
    return *secret && text.find((*secret)->reveal()) != std::string_view::npos;
  });
}

}  // namespace

Result<Settings> parse_settings(std::string_view text, const std::string& source_name,
                                const Environment& environment) {
  ConfigErrors errors;
  const Source source{source_name, environment, errors};
  const toml::parse_result parsed = toml::parse(text);
  Settings settings;
  if (parsed) {
    for (const auto& [key, node] : parsed.table()) read_top(source, key, node, settings);
  } else {
    // The parser's own words may quote the file, and so a password without quotes.
    source.error(parsed.error().source(),
                 "this is not TOML: a text stands in quotes, key = \"value\", one key to a "
                 "line, each key once, tables as [name]");
  }
  TRY_OK(errors.result());
  return settings;
}

Result<Settings> load_settings(const std::string& path, const Environment& environment) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return config_error(path + ": cannot be read: " + std::generic_category().message(errno));
  }
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return config_error(path + ": cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) return config_error(path + ": is larger than 1 MiB");
  TRY(Settings settings, parse_settings(text, path, environment));
  settings.secrets_are_open = others_may_read(path) && holds_secrets(settings, text);
  return settings;
}

}  // namespace cairn::config
