#include "protocol/p9/codec.h"

#include <array>
#include <type_traits>

#include "protocol/wire/decoder.h"

// Both directions walk the fields that visit() names. A type's number finds its decoder in a table
// that is made from the variant, so a new message is one struct and its place in the variant.

namespace cairn::p9 {
namespace {

/// Appends fields. Strings have a u16 length in front, data a u32.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  template <class... Fields>
  void operator()(const Fields&... fields) {
    (put(fields), ...);
  }

 private:
  template <class T>
    requires std::is_unsigned_v<T>
  void put(T value) {
    char bytes[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<char>(value >> (8 * i));
    out_.append(bytes, sizeof(T));
  }
  void put(std::string_view text) {
    put(static_cast<std::uint16_t>(text.size()));
    out_.append(text);
  }
  void put(Bytes data) {
    put(static_cast<std::uint32_t>(data.size()));
    out_.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  void put(const Qid& qid) { (*this)(qid.type, qid.version, qid.path); }
  void put(const Time& time) { (*this)(time.seconds, time.nanoseconds); }
  template <class T>
  void put(const Few<T>& items) {
    put(items.size());
    for (const T& item : items) put(item);
  }

  std::string& out_;
};

class Reader {
 public:
  explicit Reader(Bytes body) : decoder_(body) {}

  template <class... Fields>
  void operator()(Fields&... fields) {
    (get(fields), ...);
  }
  [[nodiscard]] bool ok() const { return decoder_.ok(); }
  [[nodiscard]] bool finished() const { return decoder_.finished(); }
  [[nodiscard]] std::size_t left() const { return decoder_.left(); }

 private:
  void get(std::uint8_t& value) { value = decoder_.u8(); }
  void get(std::uint16_t& value) { value = decoder_.u16(); }
  void get(std::uint32_t& value) { value = decoder_.u32(); }
  void get(std::uint64_t& value) { value = decoder_.u64(); }
  void get(std::string_view& text) {
    const Bytes bytes = decoder_.raw(decoder_.u16());
    text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  void get(Bytes& data) { data = decoder_.raw(decoder_.u32()); }
  void get(Qid& qid) { (*this)(qid.type, qid.version, qid.path); }
  void get(Time& time) { (*this)(time.seconds, time.nanoseconds); }
  template <class T>
  void get(Few<T>& items) {
    const std::uint16_t count = decoder_.u16();
    if (count > kWalkNamesMax) return decoder_.fail();
    for (std::uint16_t i = 0; i < count; ++i) {
      T item;
      get(item);
      items.push_back(item);
    }
  }

  wire::Decoder decoder_;
};

template <class Message>
bool read_fields(Reader& reader, Message& message) {
  Message::visit(message, reader);
  return reader.finished();
}

bool read_fields(Reader& reader, Tfsync& message) {
  reader(message.fid);
  if (reader.left() > 0) reader(message.datasync);
  return reader.finished();
}

template <class Variant>
using Decode = std::optional<Variant> (*)(Bytes);

template <class Variant, class Message>
std::optional<Variant> decode_as(Bytes body) {
  Reader reader(body);
  Message message;
  if (!read_fields(reader, message)) return std::nullopt;
  return message;
}

template <class Variant>
struct Table;
template <class... Messages>
struct Table<std::variant<Messages...>> {
  static constexpr auto decoders = [] {
    std::array<Decode<std::variant<Messages...>>, 256> table{};
    ((table[static_cast<std::size_t>(Messages::kType)] =
          &decode_as<std::variant<Messages...>, Messages>),
     ...);
    return table;
  }();
};

template <class Variant>
std::optional<Variant> decode(std::uint8_t type, Bytes body) {
  const auto decoder = Table<Variant>::decoders[type];
  if (decoder == nullptr) return std::nullopt;
  return decoder(body);
}

void put_u32(char* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

template <class Variant>
void append_any(std::string& out, std::uint16_t tag, const Variant& any) {
  const std::size_t begin = out.size();
  Writer writer(out);
  std::visit(
      [&](const auto& message) {
        writer(std::uint32_t{0}, static_cast<std::uint8_t>(message.kType), tag);
        message.visit(message, writer);
      },
      any);
  put_u32(out.data() + begin, static_cast<std::uint32_t>(out.size() - begin));
}

}  // namespace

std::optional<Header> peek_header(Bytes bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  wire::Decoder decoder(bytes);
  Header header;
  header.size = decoder.u32();
  header.type = decoder.u8();
  header.tag = decoder.u16();
  return header;
}

bool is_request(std::uint8_t type) { return Table<Request>::decoders[type] != nullptr; }
bool is_reply(std::uint8_t type) { return Table<Reply>::decoders[type] != nullptr; }

std::optional<Request> decode_request(std::uint8_t type, Bytes body) {
  return decode<Request>(type, body);
}

std::optional<Reply> decode_reply(std::uint8_t type, Bytes body) {
  return decode<Reply>(type, body);
}

void append(std::string& out, std::uint16_t tag, const Request& request) {
  append_any(out, tag, request);
}

void append(std::string& out, std::uint16_t tag, const Reply& reply) {
  append_any(out, tag, reply);
}

bool append_entry(std::string& out, const DirectoryEntry& entry, std::size_t bytes_max) {
  constexpr std::size_t kFixed = kQidBytes + 8 + 1 + 2;
  if (out.size() + kFixed + entry.name.size() > bytes_max) return false;
  Writer writer(out);
  DirectoryEntry::visit(entry, writer);
  return true;
}

std::optional<DirectoryEntry> take_entry(Bytes& data) {
  if (data.empty()) return std::nullopt;
  Reader reader(data);
  DirectoryEntry entry;
  DirectoryEntry::visit(entry, reader);
  if (!reader.ok()) return std::nullopt;
  data = data.last(reader.left());
  return entry;
}

void write_read_reply_head(std::uint8_t* message, std::uint16_t tag, std::uint32_t count) {
  char* at = reinterpret_cast<char*>(message);
  put_u32(at, kReadReplyHeadBytes + count);
  at[4] = static_cast<char>(MessageType::kRread);
  at[5] = static_cast<char>(tag);
  at[6] = static_cast<char>(tag >> 8);
  put_u32(at + kHeaderBytes, count);
}

}  // namespace cairn::p9
