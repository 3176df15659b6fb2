// What decodes, encodes to the same bytes again; nothing reads past the end.

#include "protocol/p9/codec.h"

#include <string>

#include "fsd/base/check.h"

namespace {

using namespace cairn::p9;

/// The older form of Tfsync is the one message with two encodings.
bool has_two_forms(const Header& header, std::size_t body) {
  return header.type == static_cast<std::uint8_t>(MessageType::kTfsync) && body == 4;
}

template <class Decoded>
void check_round_trip(const Decoded& decoded, const Header& header, Bytes body) {
  if (!decoded || has_two_forms(header, body.size())) return;
  std::string again;
  append(again, header.tag, *decoded);
  CHECK(again.size() == kHeaderBytes + body.size());
  CHECK(std::equal(body.begin(), body.end(),
                   reinterpret_cast<const std::uint8_t*>(again.data()) + kHeaderBytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes message(data, size);
  const auto header = peek_header(message);
  if (!header) return 0;
  const Bytes body = message.subspan(kHeaderBytes);
  check_round_trip(decode_request(header->type, body), *header, body);
  check_round_trip(decode_reply(header->type, body), *header, body);
  Bytes entries = body;
  while (const auto entry = take_entry(entries)) CHECK(entry->name.size() <= body.size());
  return 0;
}
