#include "protocol/resume/frames.h"

#include <algorithm>

#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

namespace cairn::resume {
namespace {

using wire::Decoder;
using wire::Encoder;

enum class Type : std::uint8_t {
  kHello = 1,
  kRequest = 2,
  kReplay = 3,
  kRestore = 4,
  kReceived = 5,
  kCommit = 6,
  kBye = 7,
  kEnd = 8,
  kWelcome = 0x81,
  kReply = 0x82,
  kRestored = 0x83,
  kDurable = 0x84,
};

constexpr std::uint8_t kHasChange = 1;
constexpr std::size_t kNumberAt = 1;    // behind the type
constexpr std::size_t kReceivedAt = 9;  // behind the number

void put(Encoder& out, const Numbers& numbers) { out.u64(numbers.number).u64(numbers.received); }
void put(Encoder& out, const Durable& durable) { out.u64(durable.epoch).u64(durable.segment); }
void put(Encoder& out, const std::vector<Item>& items) {
  out.u32(static_cast<std::uint32_t>(items.size()));
  for (const Item& item : items) {
    out.u8(static_cast<std::uint8_t>(item.key.size())).raw(item.key);
    out.string(item.blob);
  }
}

Numbers get_numbers(Decoder& in) {
  Numbers numbers;
  numbers.number = in.u64();
  numbers.received = in.u64();
  if (numbers.number == 0) in.fail();
  return numbers;
}

Durable get_durable(Decoder& in) {
  Durable durable;
  durable.epoch = in.u64();
  durable.segment = in.u64();
  return durable;
}

SessionId get_id(Decoder& in) {
  SessionId id{};
  const auto bytes = in.raw(id.size());
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

/// How many there are: no more than the bytes that are left can hold.
std::size_t get_count(Decoder& in, std::size_t max, std::size_t bytes_each) {
  const std::size_t count = in.u32();
  if (count <= max && count * bytes_each <= in.left()) return count;
  in.fail();
  return 0;
}

std::string_view get_key(Decoder& in) {
  const std::size_t length = in.u8();
  if (length == 0 || length > kItemKeyBytesMax) in.fail();
  const auto bytes = in.raw(length);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<Item> get_items(Decoder& in) {
  std::vector<Item> items(get_count(in, kItemsMax, 6));
  for (Item& item : items) {
    item.key = get_key(in);
    item.blob = in.string(kBlobBytesMax);
  }
  return items;
}

std::string_view get_rest(Decoder& in) {
  const auto bytes = in.raw(in.left());
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void put(Encoder& out, const Hello& frame) {
  out.u8(static_cast<std::uint8_t>(Type::kHello)).u8(kVersion).raw(std::span(frame.id));
  out.u64(frame.sent).u64(frame.received);
  put(out, frame.began);
}
void put(Encoder& out, const Request& frame) {
  out.u8(static_cast<std::uint8_t>(Type::kRequest));
  put(out, frame.numbers);
  out.raw(frame.message);
}
void put(Encoder& out, const Replay& frame) {
  out.u8(static_cast<std::uint8_t>(Type::kReplay));
  put(out, frame.numbers);
  out.string(frame.redo).raw(frame.message);
}
void put(Encoder& out, const Restore& frame) {
  out.u8(static_cast<std::uint8_t>(Type::kRestore));
  put(out, frame.numbers);
  out.u32(frame.message_bytes_max);
  put(out, frame.items);
  out.u32(static_cast<std::uint32_t>(frame.lost.size()));
  for (const std::uint64_t ino : frame.lost) out.u64(ino);
}
void put(Encoder& out, const Received& frame) {
  out.u8(static_cast<std::uint8_t>(Type::kReceived)).u64(frame.received);
}
void put(Encoder& out, const Commit&) { out.u8(static_cast<std::uint8_t>(Type::kCommit)); }
void put(Encoder& out, const Bye&) { out.u8(static_cast<std::uint8_t>(Type::kBye)); }
void put(Encoder& out, const End& frame) {
  out.u8(static_cast<std::uint8_t>(Type::kEnd)).raw(std::span(frame.id));
}

void put_frame(Encoder& out, const Durable& frame) {
  out.u8(static_cast<std::uint8_t>(Type::kDurable));
  put(out, frame);
}
void put_frame(Encoder& out, const Welcome& frame) {
  out.u8(static_cast<std::uint8_t>(Type::kWelcome)).u8(kVersion);
  out.u8(static_cast<std::uint8_t>(frame.outcome)).raw(std::span(frame.id)).u64(frame.received);
  out.u32(frame.grace_seconds).u8(frame.knows_unanswered ? 1 : 0);
  put(out, frame.began);
  put(out, frame.durable);
  out.u32(static_cast<std::uint32_t>(frame.terms.size()));
  for (const Term& term : frame.terms) out.u64(term.epoch).u64(term.segment);
  out.u32(static_cast<std::uint32_t>(frame.kept.size()));
  for (const KeptReply& kept : frame.kept) out.u64(kept.answers).string(kept.reply);
}
void put_frame(Encoder& out, const Reply& frame) {
  out.u8(static_cast<std::uint8_t>(Type::kReply));
  put(out, frame.numbers);
  out.u64(frame.answers);
  put(out, frame.durable);
  out.u8(frame.change ? kHasChange : 0);
  if (frame.change) {
    const Mark& mark = frame.change->mark;
    out.u64(mark.epoch).u64(mark.segment).u64(mark.order).string(frame.change->redo);
  }
  put(out, frame.items);
  out.raw(frame.message);
}
void put_frame(Encoder& out, const Restored& frame) {
  out.u8(static_cast<std::uint8_t>(Type::kRestored));
  put(out, frame.numbers);
  out.u64(frame.answers).u32(static_cast<std::uint32_t>(frame.failures.size()));
  for (const Failure& failure : frame.failures) {
    out.u8(static_cast<std::uint8_t>(failure.key.size())).raw(failure.key).u32(failure.error);
  }
}

Hello get_hello(Decoder& in) {
  Hello frame;
  if (in.u8() != kVersion) in.fail();
  frame.id = get_id(in);
  frame.sent = in.u64();
  frame.received = in.u64();
  frame.began = get_durable(in);
  return frame;
}

Replay get_replay(Decoder& in) {
  Replay frame;
  frame.numbers = get_numbers(in);
  frame.redo = in.string(kBlobBytesMax);
  frame.message = get_rest(in);
  return frame;
}

Restore get_restore(Decoder& in) {
  Restore frame;
  frame.numbers = get_numbers(in);
  frame.message_bytes_max = in.u32();
  frame.items = get_items(in);
  frame.lost.resize(get_count(in, kLostMax, 8));
  for (std::uint64_t& ino : frame.lost) ino = in.u64();
  return frame;
}

Welcome get_welcome(Decoder& in) {
  Welcome frame;
  if (in.u8() != kVersion) in.fail();
  const std::uint8_t outcome = in.u8();
  if (outcome > static_cast<std::uint8_t>(Outcome::kRebuild)) in.fail();
  frame.outcome = Outcome{outcome};
  frame.id = get_id(in);
  frame.received = in.u64();
  frame.grace_seconds = in.u32();
  frame.knows_unanswered = in.u8() != 0;
  frame.began = get_durable(in);
  frame.durable = get_durable(in);
  frame.terms.resize(get_count(in, kTermsMax, 16));
  for (Term& term : frame.terms) {
    term.epoch = in.u64();
    term.segment = in.u64();
  }
  frame.kept.resize(get_count(in, kKeptRepliesMax, 12));
  for (KeptReply& kept : frame.kept) {
    kept.answers = in.u64();
    kept.reply = in.string(static_cast<std::uint32_t>(kEnvelopeBytesMax));
  }
  return frame;
}

Reply get_reply(Decoder& in) {
  Reply frame;
  frame.numbers = get_numbers(in);
  frame.answers = in.u64();
  frame.durable = get_durable(in);
  const std::uint8_t flags = in.u8();
  if (flags > kHasChange) in.fail();
  if ((flags & kHasChange) != 0) {
    Change& change = frame.change.emplace();
    change.mark.epoch = in.u64();
    change.mark.segment = in.u64();
    change.mark.order = in.u64();
    change.redo = in.string(kBlobBytesMax);
  }
  frame.items = get_items(in);
  frame.message = get_rest(in);
  return frame;
}

Restored get_restored(Decoder& in) {
  Restored frame;
  frame.numbers = get_numbers(in);
  frame.answers = in.u64();
  frame.failures.resize(get_count(in, kItemsMax, 6));
  for (Failure& failure : frame.failures) {
    failure.key = get_key(in);
    failure.error = in.u32();
  }
  return frame;
}

Request get_request(Decoder& in) {
  Request frame;
  frame.numbers = get_numbers(in);
  frame.message = get_rest(in);
  return frame;
}

void patch_u64(std::string& frame, std::size_t at, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) frame[at + i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

std::string encode(const ClientFrame& frame) {
  Encoder out;
  std::visit([&out](const auto& one) { put(out, one); }, frame);
  return std::move(out).take();
}

std::string encode(const Reply& frame) {
  constexpr std::size_t kFixed = 1 + 16 + 8 + 16 + 1 + 24 + 4 + 4;
  std::size_t bytes = kFixed + frame.message.size();
  if (frame.change) bytes += frame.change->redo.size();
  for (const Item& item : frame.items) bytes += 5 + item.key.size() + item.blob.size();
  Encoder out(bytes);
  put_frame(out, frame);
  return std::move(out).take();
}

std::string encode(const ServerFrame& frame) {
  Encoder out;
  std::visit([&out](const auto& one) { put_frame(out, one); }, frame);
  return std::move(out).take();
}

std::optional<ClientFrame> decode_client_frame(std::string_view bytes) {
  Decoder in(bytes);
  std::optional<ClientFrame> frame;
  switch (Type{in.u8()}) {
    case Type::kHello:
      frame = get_hello(in);
      break;
    case Type::kRequest:
      frame = get_request(in);
      break;
    case Type::kReplay:
      frame = get_replay(in);
      break;
    case Type::kRestore:
      frame = get_restore(in);
      break;
    case Type::kReceived:
      frame = Received{in.u64()};
      break;
    case Type::kCommit:
      frame = Commit{};
      break;
    case Type::kBye:
      frame = Bye{};
      break;
    case Type::kEnd:
      frame = End{get_id(in)};
      break;
    default:
      return std::nullopt;
  }
  if (!in.finished()) return std::nullopt;
  return frame;
}

std::optional<ServerFrame> decode_server_frame(std::string_view bytes) {
  Decoder in(bytes);
  std::optional<ServerFrame> frame;
  switch (Type{in.u8()}) {
    case Type::kWelcome:
      frame = get_welcome(in);
      break;
    case Type::kReply:
      frame = get_reply(in);
      break;
    case Type::kRestored:
      frame = get_restored(in);
      break;
    case Type::kDurable:
      frame = get_durable(in);
      break;
    default:
      return std::nullopt;
  }
  if (!in.finished()) return std::nullopt;
  return frame;
}

void patch_received(std::string& frame, std::uint64_t received) {
  patch_u64(frame, kReceivedAt, received);
}

void patch_number(std::string& frame, std::uint64_t number) { patch_u64(frame, kNumberAt, number); }

}  // namespace cairn::resume
