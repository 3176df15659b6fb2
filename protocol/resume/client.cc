#include "protocol/resume/client.h"

#include <algorithm>
#include <vector>

#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

namespace cairn::resume {
namespace {

// Of 9P, only these.
constexpr std::size_t kTagAt = 5;
constexpr std::size_t kHeaderBytes = 7;
constexpr std::uint8_t kRlerror = 7;
constexpr std::uint8_t kRversion = 101;
constexpr std::uint32_t kEio = 5;

/// The server keeps its replies until it hears that they have come.
constexpr std::size_t kFramesPerAcknowledgement = 32;
constexpr std::size_t kBytesPerAcknowledgement = 256U << 10;
constexpr std::size_t kStateBytesPerFrame = 512U << 10;
constexpr std::size_t kItemHeadBytes = 5;

std::uint8_t type_of(std::string_view message) {
  return message.size() < kHeaderBytes ? 0 : static_cast<std::uint8_t>(message[4]);
}

/// What a crash between then and now has undone.
bool is_lost(const Mark& mark, const std::vector<Term>& terms) {
  for (const Term& term : terms) {
    if (term.epoch > mark.epoch) return mark.segment >= term.segment;
  }
  return true;
}

}  // namespace

Client::Client(Options options, Events events) : options_(options), events_(std::move(events)) {}

void Client::request(std::string message) {
  queued_.push_back(std::move(message));
  pump();
}

void Client::pump() {
  while (welcomed_ && !queued_.empty() && !is_full()) {
    std::string message = std::move(queued_.front());
    queued_.pop_front();
    send_new({.kind = Kind::kRequest, .message = std::move(message)});
  }
}

void Client::send_new(Sent sent) {
  const std::uint64_t number = ++last_sent_;
  const auto [at, added] = sent_.emplace(number, std::move(sent));
  send_numbered(number, at->second);
}

void Client::send_numbered(std::uint64_t number, const Sent& sent) {
  const Numbers numbers{.number = number, .received = received_};
  unacknowledged_frames_ = unacknowledged_bytes_ = 0;
  switch (sent.kind) {
    case Kind::kRequest:
      return events_.send(encode(Request{.numbers = numbers, .message = sent.message}));
    case Kind::kReplay: {
      const auto change = changes_.find(sent.first);
      std::string_view redo;
      if (change != changes_.end()) redo = change->second.redo;
      return events_.send(
          encode(Replay{.numbers = numbers, .redo = redo, .message = sent.message}));
    }
    case Kind::kRestore: {
      std::string frame = sent.message;
      patch_number(frame, number);
      patch_received(frame, received_);
      return events_.send(std::move(frame));
    }
  }
}

void Client::on_connected() {
  connected_ = true;
  welcomed_ = false;
  const bool is_new = id_ == SessionId();
  events_.send(encode(Hello{.id = id_,
                            .sent = is_new ? 0 : last_sent_,
                            .received = is_new ? 0 : received_,
                            .began = began_}));
}

void Client::begin_anew() { id_ = {}; }

void Client::say_goodbye() {
  if (welcomed_) events_.send(encode(Bye{}));
}

bool Client::on_frame(std::string_view frame) {
  const auto decoded = decode_server_frame(frame);
  if (!decoded || !connected_) return false;
  if (const auto* welcome = std::get_if<Welcome>(&*decoded)) return on_welcome(*welcome);
  if (!welcomed_) return false;
  if (const auto* durable = std::get_if<Durable>(&*decoded)) {
    on_durable(*durable);
    commit_asked_ = false;
    ask_for_commit();
    pump();
    return true;
  }
  const auto next = [this](const Numbers& numbers) { return numbers.number == received_ + 1; };
  if (const auto* restored = std::get_if<Restored>(&*decoded)) {
    if (!next(restored->numbers) || sent_.erase(restored->answers) == 0) return false;
    ++received_;
    counts_.stale += restored->failures.size();
    acknowledge(frame.size());
    return true;
  }
  const auto& reply = std::get<Reply>(*decoded);
  if (!next(reply.numbers)) return false;
  ++received_;
  if (!on_reply(reply)) return false;
  acknowledge(frame.size());
  pump();
  return true;
}

bool Client::on_welcome(const Welcome& welcome) {
  if (welcomed_) return false;
  if (welcome.outcome == Outcome::kResumed) {
    if (welcome.id != id_ || welcome.received > last_sent_) return false;
    ++counts_.resumed;
    welcomed_ = true;
    for (const auto& [number, sent] : sent_) {
      if (number > welcome.received) send_numbered(number, sent);
    }
    on_durable(welcome.durable);
    pump();
    return true;
  }
  const bool is_first = welcome.outcome == Outcome::kNew && last_sent_ == 0;
  if (!is_first) ++counts_.rebuilt;
  const bool is_new = welcome.outcome == Outcome::kNew;
  id_ = welcome.id;
  began_ = welcome.began;
  received_ = 0;
  if (!is_first) {
    rebuild(welcome);
  } else if (is_new) {
    last_sent_ = 0;
  }
  welcomed_ = true;  // not before: new requests, which may come meanwhile, are the last
  pump();
  return true;
}

/// The server knows of us at most what it had kept. What was lost is sent again first, in the order
/// in which it had been done; then the state as we know it; then what was not answered.
void Client::rebuild(const Welcome& welcome) {
  take_kept(welcome);
  std::deque<std::string> again;
  for (auto& [number, sent] : sent_) {
    if (sent.kind != Kind::kRequest) continue;
    if (welcome.knows_unanswered && welcome.outcome == Outcome::kRebuild) {
      again.push_back(std::move(sent.message));
    } else {
      answer_with_error(sent.message, kEio);
    }
  }
  sent_.clear();
  if (welcome.outcome == Outcome::kNew) last_sent_ = 0;
  for (auto change = changes_.begin(); change != changes_.end();) {
    const auto at = change++;
    const Mark& last = at->second.mark;
    if (last.epoch == welcome.durable.epoch) continue;
    if (is_lost(last, welcome.terms)) {
      ++counts_.sent_again;
      send_new({.kind = Kind::kReplay, .message = at->second.message, .first = at->first});
    } else {
      forget(Mark(at->first));
    }
  }
  on_durable(welcome.durable);
  if (message_bytes_max_ != 0) send_state();
  queued_.insert(queued_.begin(), std::make_move_iterator(again.begin()),
                 std::make_move_iterator(again.end()));
}

void Client::send_state() {
  Restore restore{.numbers = {.number = 1}, .message_bytes_max = message_bytes_max_};
  std::size_t bytes = 0;
  const auto send = [this, &restore, &bytes] {
    send_new({.kind = Kind::kRestore, .message = encode(restore)});
    restore.items.clear();
    bytes = 0;
  };
  for (const auto& [key, blob] : items_) {
    bytes += key.size() + blob.size() + kItemHeadBytes;
    restore.items.push_back({.key = key, .blob = blob});
    if (bytes > kStateBytesPerFrame) send();
  }
  if (!restore.items.empty()) send();
  send();  // one without items is the last
}

/// They speak of what is in the log: nothing of it can be lost any more.
void Client::take_kept(const Welcome& welcome) {
  for (const KeptReply& kept : welcome.kept) {
    const auto found = sent_.find(kept.answers);
    if (found == sent_.end()) continue;
    const auto frame = decode_server_frame(kept.reply);
    const auto* reply = frame ? std::get_if<Reply>(&*frame) : nullptr;
    if (reply == nullptr) continue;
    Sent sent = std::move(found->second);
    sent_.erase(found);
    on_answer(*reply, std::move(sent), true);
  }
}

bool Client::on_reply(const Reply& reply) {
  const auto found = sent_.find(reply.answers);
  if (found == sent_.end()) return false;
  Sent sent = std::move(found->second);
  sent_.erase(found);
  on_answer(reply, std::move(sent), false);
  on_durable(reply.durable);
  return true;
}

void Client::on_answer(const Reply& reply, Sent sent, bool is_durable) {
  apply(reply.items);
  const bool is_replay = sent.kind == Kind::kReplay;
  if (is_replay) {
    forget(sent.first);
    if (type_of(reply.message) == kRlerror) ++counts_.lost;
  }
  if (type_of(reply.message) == kRversion && reply.message.size() >= kHeaderBytes + 4) {
    wire::Decoder in(reply.message.substr(kHeaderBytes));
    message_bytes_max_ = in.u32();
  }
  if (reply.change && !is_durable) {
    const Mark& mark = reply.change->mark;
    keep(is_replay ? sent.first : mark, {.mark = mark,
                                         .redo = std::string(reply.change->redo),
                                         .message = std::move(sent.message)});
  }
  if (!is_replay && !reply.message.empty()) events_.reply(std::string(reply.message));
}

void Client::apply(const std::vector<Item>& items) {
  for (const Item& item : items) {
    if (item.key == kForgetAll) {
      items_.clear();
    } else if (item.blob.empty()) {
      const auto found = items_.find(item.key);
      if (found != items_.end()) items_.erase(found);
    } else {
      items_.insert_or_assign(std::string(item.key), std::string(item.blob));
    }
  }
}

void Client::keep(const Mark& first, KeptChange change) {
  changes_bytes_ += change.redo.size() + change.message.size();
  first_marks_.insert_or_assign(change.mark, first);
  changes_.insert_or_assign(first, std::move(change));
  ask_for_commit();
}

void Client::ask_for_commit() {
  if (changes_bytes_ <= options_.kept_bytes_max / 2 || commit_asked_ || !welcomed_) return;
  commit_asked_ = true;
  events_.send(encode(Commit{}));
}

void Client::forget(const Mark& first) {
  const auto change = changes_.find(first);
  if (change == changes_.end()) return;
  changes_bytes_ -= change->second.redo.size() + change->second.message.size();
  first_marks_.erase(change->second.mark);
  changes_.erase(change);
}

void Client::on_durable(const Durable& durable) {
  const Mark end{.epoch = durable.epoch, .segment = durable.segment, .order = 0};
  auto at = first_marks_.lower_bound({.epoch = durable.epoch, .segment = 0, .order = 0});
  while (at != first_marks_.end() && at->first < end) {
    const Mark first = (at++)->second;
    forget(first);
  }
}

void Client::answer_with_error(const std::string& request, std::uint32_t ecode) {
  if (request.size() < kHeaderBytes) return;
  wire::Encoder out;
  out.u32(kHeaderBytes + 4).u8(kRlerror).raw(std::string_view(request).substr(kTagAt, 2));
  out.u32(ecode);
  events_.reply(std::move(out).take());
}

void Client::acknowledge(std::size_t bytes) {
  ++unacknowledged_frames_;
  unacknowledged_bytes_ += bytes;
  if (unacknowledged_frames_ < kFramesPerAcknowledgement &&
      unacknowledged_bytes_ < kBytesPerAcknowledgement) {
    return;
  }
  unacknowledged_frames_ = unacknowledged_bytes_ = 0;
  events_.send(encode(Received{received_}));
}

}  // namespace cairn::resume
