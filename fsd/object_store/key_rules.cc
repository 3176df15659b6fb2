#include "fsd/object_store/key_rules.h"

#include <algorithm>
#include <string>

namespace cairn::object_store {
namespace {

Error bad_key(const char* why, std::string_view key) {
  return Error(StoreErrc::kBadRequest, why, std::string(key.substr(0, kKeyBytesMax)));
}

bool has_bad_component(std::string_view key) {
  while (true) {
    const std::size_t end = std::min(key.find('/'), key.size());
    const std::string_view component = key.substr(0, end);
    if (component.empty() || component == "." || component == "..") return true;
    if (end == key.size()) return false;
    key.remove_prefix(end + 1);
  }
}

Result<void> check_chars(std::string_view text) {
  if (text.size() > kKeyBytesMax) return bad_key("a key is longer than 512 bytes", text);
  if (!std::all_of(text.begin(), text.end(), is_key_char)) {
    return bad_key("a key has a character outside of A-Z a-z 0-9 . _ / -", text);
  }
  return {};
}

}  // namespace

bool is_key_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '/' || c == '-';
}

Result<void> check_key(std::string_view key) {
  if (key.empty()) return bad_key("a key is empty", key);
  TRY_OK(check_chars(key));
  if (has_bad_component(key)) return bad_key("a key has an empty, . or .. component", key);
  return {};
}

Result<void> check_condition(const PutCondition& condition) {
  if (condition.only_if_absent && condition.if_etag) {
    return Error(StoreErrc::kBadRequest, "a put cannot demand both absence and an etag");
  }
  return {};
}

Result<void> check_list(std::string_view prefix, std::string_view start_after,
                        std::uint32_t limit) {
  TRY_OK(check_chars(prefix));
  TRY_OK(check_chars(start_after));
  if (limit == 0 || limit > kListLimitMax) {
    return Error(StoreErrc::kBadRequest, "a list's limit is not within 1 to 1000");
  }
  return {};
}

Covered covered(ByteRange range, std::uint64_t size) {
  if (range.offset >= size) return {.offset = size, .length = 0};
  return {.offset = range.offset, .length = std::min(range.length, size - range.offset)};
}

}  // namespace cairn::object_store
