#include "vmrunner/machine/control_line.h"

#include <nlohmann/json.hpp>

namespace cairn::vm {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~' || c == '/' || c == ',' || c == ':';
}

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

template <class Number>
Number number_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<Number>() : Number();
}

}  // namespace

std::string encode_command(unsigned id, std::string_view verb,
                           const std::vector<std::pair<std::string_view, std::string>>& values) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string line = std::to_string(id) + " " + std::string(verb);
  for (const auto& [key, value] : values) {
    line += ' ';
    line += key;
    line += '=';
    for (const char c : value) {
      if (is_unreserved(c)) {
        line += c;
        continue;
      }
      const auto byte = static_cast<std::uint8_t>(c);
      line += '%';
      line += kDigits[byte >> 4];
      line += kDigits[byte & 0x0F];
    }
  }
  return line + "\n";
}

std::optional<GuestMessage> decode_guest_message(std::string_view line) {
  // A program's output need not be UTF-8.
  const auto object = nlohmann::json::parse(line, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  GuestMessage message;
  message.id = number_of<unsigned>(object, "id");
  message.event = text_of(object, "event");
  if (message.id == 0 && message.event.empty()) return std::nullopt;
  const auto ok = object.find("ok");
  message.ok = ok != object.end() && ok->is_boolean() && ok->get<bool>();
  message.status = number_of<unsigned>(object, "status");
  message.terminal = number_of<unsigned>(object, "terminal");
  message.output = text_of(object, "output");
  message.step = text_of(object, "step");
  message.error = text_of(object, "error");
  message.text = text_of(object, "text");
  message.file = text_of(object, "file");
  message.stream = number_of<unsigned>(object, "stream");
  message.bytes = number_of<std::uint64_t>(object, "bytes");
  message.part = number_of<std::uint32_t>(object, "part");
  if (const auto pages = object.find("pages"); pages != object.end() && pages->is_array()) {
    for (const auto& page : *pages) {
      message.pages.push_back(page.is_number_unsigned() ? page.get<std::uint32_t>() : UINT32_MAX);
    }
  }
  return message;
}

std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace cairn::vm
