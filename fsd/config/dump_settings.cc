#include <cstdio>

#include "fsd/config/load_settings.h"
#include "fsd/config/settings_schema.h"

namespace cairn::config {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// Writes one table by the schema; what is not set is left out.
class TableWriter {
 public:
  explicit TableWriter(std::string& out) : out_(out) {}

  void text(const char* name, const std::string& value) {
    if (!value.empty()) line(name, quoted(value));
  }
  void path(const char* name, const std::string& value) { text(name, value); }
  void secret(const char* name, const std::optional<Secret>& value) {
    if (value) line(name, "\"(hidden)\"");
  }
  template <class T, class Parse, class Print>
  void parsed(const char* name, const T& value, Parse, Print print) {
    line(name, quoted(print(value)));
  }
  template <class T, class Parse, class Print>
  void parsed(const char* name, const std::optional<T>& value, Parse, Print print) {
    if (value) line(name, quoted(print(*value)));
  }
  template <class E>
  void choice(const char* name, const E& value, schema::Choices<E> choices) {
    for (const auto& [text, meaning] : choices) {
      if (meaning == value) line(name, quoted(std::string(text)));
    }
  }
  void boolean(const char* name, const bool& value) { line(name, value ? "true" : "false"); }
  void boolean(const char* name, const std::optional<bool>& value) {
    if (value) line(name, *value ? "true" : "false");
  }
  void integer(const char* name, std::optional<std::uint32_t> value, std::uint32_t, std::uint32_t) {
    if (value) line(name, std::to_string(*value));
  }
  void integers(const char* name, const std::vector<std::uint32_t>& values, std::uint32_t,
                std::uint32_t) {
    if (values.empty()) return;
    std::string list;
    for (const std::uint32_t value : values) {
      list += (list.empty() ? "" : ", ") + std::to_string(value);
    }
    line(name, '[' + list + ']');
  }
  void seconds(const char* name, std::optional<Duration> value, Duration, Duration) {
    if (value) line(name, std::to_string(*value / std::chrono::seconds(1)));
  }
  void milliseconds(const char* name, std::optional<Duration> value, Duration, Duration) {
    if (value) line(name, std::to_string(*value / std::chrono::milliseconds(1)));
  }
  void gigabytes(const char* name, std::uint64_t bytes, double, double) {
    char number[48];
    std::snprintf(number, sizeof number, "%.9f",
                  static_cast<double>(bytes) / schema::kBytesPerGigabyte);
    line(name, number);
  }
  void addresses(const char* name, const std::vector<ListenAddress>& values) {
    std::vector<std::string> texts;
    for (const ListenAddress& value : values) texts.push_back(value.text());
    list(name, texts);
  }
  void texts(const char* name, const std::vector<std::string>& values, bool (*)(std::string_view),
             const char*) {
    list(name, values);
  }

 private:
  void list(const char* name, const std::vector<std::string>& values) {
    if (values.empty()) return;
    std::string all;
    for (const std::string& value : values) all += (all.empty() ? "" : ", ") + quoted(value);
    line(name, '[' + all + ']');
  }
  void line(const char* name, const std::string& value) {
    out_ += std::string(name) + " = " + value + '\n';
  }
  std::string& out_;
};

template <class S>
void write_table(std::string& out, const std::string& heading, S settings) {
  out += heading + '\n';
  TableWriter writer(out);
  schema::visit(writer, settings);
}

}  // namespace

std::string dump_settings(const Settings& settings) {
  std::string out;
  Settings copy = settings;
  const auto heading = [](const char* name) { return '[' + std::string(name) + ']'; };
  schema::each_single_table(
      copy, [&](const char* name, auto& part) { write_table(out, heading(name), part); });
  if (settings.fuse) write_table(out, heading(schema::kFuseTable), *settings.fuse);
  for (const NinepSettings& ninep : settings.ninep) {
    write_table(out, '[' + heading(schema::kNinepTable) + ']', ninep);
  }
  if (settings.web) write_table(out, heading(schema::kWebTable), *settings.web);
  return out;
}

}  // namespace cairn::config
