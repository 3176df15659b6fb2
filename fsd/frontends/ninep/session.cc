#include "fsd/frontends/ninep/session.h"

#include <cerrno>

#include "fsd/base/log.h"
#include "fsd/frontends/ninep/handlers.h"

// A request becomes a Call and runs in the core at once; its reply leaves when it ends, so replies
// come in any order. What must be said of order:
//
// - Tflush is answered after the request that it names, which is asked to end early where it waits.
//   If that request has still done its work, its reply goes out first, so the client knows; if it
//   was ended, there is none.
// - Tversion waits until all requests before it have ended, then forgets the fids. What comes
//   behind it is held until it is answered.

namespace cairn::p9 {
namespace {

constexpr std::uint32_t kMessageBytesMin = 4096;
/// Before Tversion has agreed on anything: Tversion itself is short.
constexpr std::uint32_t kFirstMessageBytesMax = 8192;
// What the tables take of memory, about.
constexpr std::size_t kFidBytes = 512;
constexpr std::size_t kLostBytes = 64;

}  // namespace

Session::Session(Door& door, const Export& exported, Peer peer, Send send,
                 std::function<void()> on_room)
    : Session(door, exported, std::move(peer), std::move(send), nullptr, std::move(on_room)) {}

Session::Session(Door& door, const Export& exported, Peer peer, SessionWitness& witness,
                 std::function<void()> on_room)
    : Session(door, exported, std::move(peer), {}, &witness, std::move(on_room)) {}

Session::Session(Door& door, const Export& exported, Peer peer, Send send, SessionWitness* witness,
                 std::function<void()> on_room)
    : exported_(exported),
      peer_(std::move(peer)),
      state_{.door = door,
             .exported = exported_,
             .peer = peer_,
             .client = ++door.next_client,
             .fids = FidTable(door.limits.fids_max),
             .lost = {}},
      send_(std::move(send)),
      witness_(witness),
      on_room_(std::move(on_room)),
      // Tokens name waiting calls to the lock table, which all doors share.
      next_token_(state_.client << 32) {}

Session::~Session() { CHECK(calls_.empty()); }

std::uint32_t Session::message_bytes_max() const {
  return state_.message_bytes_max == 0 ? kFirstMessageBytesMax : state_.message_bytes_max;
}

bool Session::has_room() const {
  const Limits& limits = state_.door.limits;
  if (calls_.empty()) return !restarting_;
  return !restarting_ && calls_.size() < limits.requests_max &&
         call_bytes_ < limits.request_bytes_max;
}

std::size_t Session::bytes() const {
  return call_bytes_ + state_.fids.size() * kFidBytes + state_.xattr_bytes +
         state_.lost.size() * kLostBytes;
}

Result<void> Session::receive(std::string message, std::uint64_t number) {
  if (closing_) return {};
  if (broken_) return *broken_;
  if (restarting_) {
    held_.push_back({std::move(message), number});
    return {};
  }
  const Header header = *peek_header(as_bytes(message));
  const bool is_version = header.type == static_cast<std::uint8_t>(MessageType::kTversion);
  if (!is_version && state_.message_bytes_max == 0) {
    return errno_error(EPROTO, "a session begins with Tversion");
  }
  if (!is_version && header.tag == kNoTag) return errno_error(EPROTO, "a request without a tag");
  if (calls_.contains(header.tag)) {
    return errno_error(EPROTO, "the tag of a request that is not answered yet");
  }
  const auto call =
      std::make_shared<Call>(state_, header, std::move(message), ++next_token_, number);
  calls_.emplace(header.tag, call);
  call_bytes_ += call->bytes();
  if (!call->request()) {
    finish(call, is_request(header.type) ? errno_error(EPROTO, "malformed")
                                         : errno_error(EOPNOTSUPP, "no request of 9P2000.L"));
  } else if (const auto* version = std::get_if<Tversion>(&*call->request())) {
    restart(call, *version).detach();
  } else if (const auto* old = std::get_if<Tflush>(&*call->request())) {
    flush(call, old->oldtag);
  } else {
    run(call).detach();
  }
  return {};
}

Task<> Session::run(CallRef call) {
  const bool settles = state_.door.settle && changes_something(*call);
  if (witness_ != nullptr) witness_->on_begin(*call);
  Result<void> result = co_await handle(*call);
  const bool waits = witness_ != nullptr && result && witness_->on_done(*call);
  if ((!settles && !waits) || !result || call->cancel.is_set()) {
    finish(call, std::move(result));
    co_return;
  }
  call->settling = true;
  if (settles) co_await state_.door.settle();
  // If it is settling no more, it was cancelled meanwhile, and the session may be gone.
  if (waits && call->settling) co_await witness_->make_durable();
  if (std::exchange(call->settling, false)) finish(call, {});
}

Task<> Session::restart(CallRef call, Tversion version) {
  restarting_ = true;
  cancel_all_but(call.get());
  const bool waits = calls_.size() > 1;
  while (calls_.size() > 1) co_await calls_ended_.wait();
  state_.fids.clear();
  state_.door.vfs.drop_client(state_.client);
  state_.message_bytes_max = 0;
  Result<void> result;
  if (version.msize < kMessageBytesMin) {
    result = errno_error(EINVAL, "messages are to be shorter than 4096 bytes");
  } else if (!version.version.starts_with(kVersion)) {
    result = call->reply(Rversion{.msize = version.msize, .version = kUnknownVersion});
  } else {
    state_.message_bytes_max = std::min(version.msize, state_.door.limits.message_bytes_max);
    result = call->reply(Rversion{.msize = state_.message_bytes_max, .version = kVersion});
  }
  restarting_ = false;
  const bool is_last = closing_;
  finish(call, std::move(result));
  if (is_last) co_return;  // close() waited for this: the session may be gone
  take_held();
  if (waits && has_room()) on_room_();
}

void Session::take_held() {
  std::vector<Held> held;
  held.swap(held_);
  for (Held& one : held) {
    const Result<void> taken = receive(std::move(one.message), one.number);
    if (taken) continue;
    broken_ = taken.error();  // whoever passed it in is told with the next message
    return;
  }
}

void Session::flush(const CallRef& call, std::uint16_t old_tag) {
  const auto found = calls_.find(old_tag);
  if (found == calls_.end() || found->second == call) {
    finish(call, call->reply(Rflush{}));
    return;
  }
  found->second->flushes.push_back(call->tag());
  cancel(found->second);
}

void Session::cancel(CallRef call) {
  call->cancel.set();
  state_.door.vfs.cancel_lock_wait(call->token());
  if (std::exchange(call->settling, false)) finish(call, {});
}

void Session::cancel_all_but(const Call* kept) {
  // Ending one takes it out of calls_, on the spot.
  std::vector<CallRef> calls;
  for (const auto& [tag, call] : calls_) calls.push_back(call);
  for (const CallRef& call : calls) {
    if (call.get() != kept) cancel(call);
  }
}

/// The end of a request: its reply leaves, and those that waited for its end are answered. A
/// session that is being closed may be gone afterwards.
void Session::finish(const CallRef& call, Result<void> result) {
  const bool had_room = has_room();
  const bool ended_early = !result && call->cancel.is_set() && to_errno(result.error()) == EINTR;
  if (!result) {
    static_cast<void>(
        call->reply(Rlerror{.ecode = static_cast<std::uint32_t>(to_errno(result.error()))}));
  }
  leave(*call);
  send(*call, ended_early ? std::string() : call->take_reply());
  call->let_go_of_fids();  // whoever waits for the end of all calls may take away what they need
  if (!call->flushes.empty()) answer_flushes(*call);
  if (!had_room && has_room() && !closing_) on_room_();
  if (restarting_ || closing_) calls_ended_.notify_all();
}

/// Answers the Tflush that waited for this one, and those that waited for them. A client may have
/// put thousands in a row, each for the one before: so no recursion.
void Session::answer_flushes(const Call& ended) {
  std::vector<CallRef> answered;
  const auto answer = [&](const Call& call) {
    for (const std::uint16_t tag : call.flushes) {
      const auto found = calls_.find(tag);
      if (found == calls_.end()) continue;
      answered.push_back(found->second);
      leave(*answered.back());
      static_cast<void>(answered.back()->reply(Rflush{}));
      send(*answered.back(), answered.back()->take_reply());
    }
  };
  answer(ended);
  for (std::size_t next = 0; next < answered.size(); ++next) answer(*answered[next]);
}

/// The call is kept by others.
void Session::leave(const Call& call) {
  calls_.erase(call.tag());
  call_bytes_ -= call.bytes();
}

void Session::send(Call& call, std::string reply) {
  if (closing_) return;
  if (witness_ != nullptr) {
    witness_->on_end(call, std::move(reply));
  } else if (!reply.empty()) {
    send_(std::move(reply));
  }
}

Task<> Session::close() {
  closing_ = true;
  held_.clear();
  cancel_all_but(nullptr);
  while (!calls_.empty()) co_await calls_ended_.wait();
  state_.fids.clear();
  state_.door.vfs.drop_client(state_.client);
}

}  // namespace cairn::p9
