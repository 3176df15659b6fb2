#include "fsd/format/names.h"

namespace cairn::format {
namespace {

constexpr std::size_t kNumberDigits = 16;

std::string hex(std::uint64_t value, std::size_t digits) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(digits, '0');
  for (std::size_t i = digits; i-- > 0; value >>= 4) text[i] = kDigits[value & 15];
  return text;
}

/// Takes a number of 16 lower-case digits off the front of `text`.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  if (text.size() < kNumberDigits) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text.substr(0, kNumberDigits)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  text.remove_prefix(kNumberDigits);
  return value;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::string_view suffix_of(TableKind kind) { return kind == TableKind::kBase ? "base" : "delta"; }

std::optional<ObjectName> parse_log(std::string_view rest) {
  if (rest.size() < 3) return std::nullopt;
  rest.remove_prefix(3);
  const auto seq = take_number(rest);
  if (!seq) return std::nullopt;
  return ObjectName{.kind = ObjectName::Kind::kLog, .seq = Seq(*seq)};
}

std::optional<ObjectName> parse_data(std::string_view rest) {
  if (rest.size() < 3) return std::nullopt;
  rest.remove_prefix(3);
  const auto epoch = take_number(rest);
  if (!epoch || !take(rest, "-")) return std::nullopt;
  const auto seq = take_number(rest);
  if (!seq) return std::nullopt;
  return ObjectName{.kind = ObjectName::Kind::kData, .seq = Seq(*seq), .epoch = Epoch(*epoch)};
}

std::optional<ObjectName> parse_table(std::string_view rest) {
  const auto epoch = take_number(rest);
  if (!epoch || !take(rest, "-")) return std::nullopt;
  const auto number = take_number(rest);
  if (!number || !take(rest, "-")) return std::nullopt;
  const TableKind kind = rest == "base" ? TableKind::kBase : TableKind::kDelta;
  return ObjectName{
      .kind = ObjectName::Kind::kTable, .epoch = Epoch(*epoch), .number = *number, .table = kind};
}

std::string to_name(const ObjectName& name) {
  switch (name.kind) {
    case ObjectName::Kind::kLog:
      return log_name(name.seq);
    case ObjectName::Kind::kData:
      return data_name(name.epoch, name.seq);
    case ObjectName::Kind::kTable:
      return table_name(name.epoch, name.number, name.table);
    case ObjectName::Kind::kManifest:
      return std::string(kManifestName);
    case ObjectName::Kind::kVolume:
      return std::string(kVolumeName);
  }
  return {};
}

}  // namespace

std::string log_name(Seq seq) {
  return std::string(kLogPrefix) + hex(seq.value() & 0xFF, 2) + "/" +
         hex(seq.value(), kNumberDigits);
}

std::string data_name(Epoch epoch, Seq seq) {
  return std::string(kDataPrefix) + hex(seq.value() & 0xFF, 2) + "/" +
         hex(epoch.value(), kNumberDigits) + "-" + hex(seq.value(), kNumberDigits);
}

std::string table_name(Epoch epoch, std::uint64_t number, TableKind kind) {
  return std::string(kTablePrefix) + hex(epoch.value(), kNumberDigits) + "-" +
         hex(number, kNumberDigits) + "-" + std::string(suffix_of(kind));
}

std::optional<ObjectName> parse_object_name(std::string_view name) {
  std::string_view rest = name;
  std::optional<ObjectName> parsed;
  if (name == kManifestName) {
    parsed = ObjectName{.kind = ObjectName::Kind::kManifest};
  } else if (name == kVolumeName) {
    parsed = ObjectName{.kind = ObjectName::Kind::kVolume};
  } else if (take(rest, kLogPrefix)) {
    parsed = parse_log(rest);
  } else if (take(rest, kDataPrefix)) {
    parsed = parse_data(rest);
  } else if (take(rest, kTablePrefix)) {
    parsed = parse_table(rest);
  }
  // Whatever was read leniently above must be what we would have written.
  if (parsed && to_name(*parsed) != name) return std::nullopt;
  return parsed;
}

}  // namespace cairn::format
