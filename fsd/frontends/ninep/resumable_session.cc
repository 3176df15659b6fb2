#include "fsd/frontends/ninep/resumable_session.h"

#include <cerrno>

#include "fsd/base/log.h"
#include "fsd/frontends/ninep/handlers.h"
#include "fsd/frontends/ninep/left_sessions.h"
#include "fsd/frontends/ninep/redo.h"

// Two things are done here and in resumable_rebuild.cc.
//
// A dropped connection: both sides number what they send and keep it until the other one says that
// it has got it. Who comes back says how far it got, and the rest is sent again. The 9P session
// between them notices nothing.
//
// A crash: all that is in memory here is gone. So the client is given what it takes to make it
// again: with each reply, the state that has changed (items), and, if the request has changed the
// volume, in which segment, and what it takes to do it again (a redo). Once that segment is durable
// the client forgets the latter. After a crash it sends again what was in lost segments, in order,
// then its items, and goes on. What had been done and not been answered is in the session's record,
// which is put into the same segment as the changes it speaks of.

namespace cairn::p9 {
namespace {

/// Frames that have come and may not be taken, since the client has not said what it has got.
constexpr std::size_t kWaitingMax = 1024;
constexpr std::size_t kWaitingBytesMax = 32U << 20;
/// Sent, and not acknowledged: past these nothing more is taken.
constexpr std::size_t kUnacknowledgedBytesMax = 40U << 20;
constexpr std::size_t kKeptMax = format::kSessionRepliesMax / 2;
constexpr std::size_t kKeptBytesMax = 96U << 10;
/// What the tables take of memory, about.
constexpr std::size_t kHeldInodeBytes = 64;

/// What the frame says of our frames; 0: nothing.
struct ReceivedIn {
  template <class Frame>
  std::uint64_t operator()(const Frame& frame) const {
    if constexpr (requires { frame.numbers; }) return frame.numbers.received;
    return 0;
  }
  std::uint64_t operator()(const resume::Received& frame) const { return frame.received; }
};

}  // namespace

/// What is remembered of a request from its beginning to its end.
struct ResumableSession::Note final : CallNote {
  Before before;
  StateItems::LetGo let_go;
  std::string frame;  // the reply, once it is made
};

ResumableSession::ResumableSession(SessionKeeper& keeper, Door& door, const Export& exported,
                                   Peer peer, const resume::SessionId& id,
                                   const format::SessionRecord* left)
    : keeper_(keeper),
      id_(id),
      had_locks_(left != nullptr && LeftSessions::has_locks(*left)),
      session_(door, exported, std::move(peer), *this, [this] { go_on(); }),
      items_(keeper.sealer()) {
  if (left == nullptr) return;
  for (const format::SessionReply& reply : left->replies) log_.keep(reply.sequence, reply.bytes);
}

ResumableSession::~ResumableSession() = default;

Result<void> ResumableSession::connect(std::shared_ptr<MessageSocket> socket,
                                       const resume::Hello& hello, resume::Welcome welcome) {
  if (welcome.outcome == resume::Outcome::kResumed) {
    if (hello.received < acknowledged_ || hello.sent < received_ ||
        !log_.acknowledge(hello.received)) {
      return errno_error(EPROTO, "the client is not where it was: it needs a new session");
    }
    acknowledged_ = hello.received;
  } else {
    received_ = welcome.outcome == resume::Outcome::kRebuild ? hello.sent : 0;
  }
  disconnect(kCloseNormal, "resumed by another connection");
  socket_ = std::move(socket);
  held_back_ = false;
  welcome.id = id_;
  welcome.received = received_;
  welcome.grace_seconds = keeper_.grace_seconds();
  welcome.durable = keeper_.durable();
  welcome.terms = keeper_.terms();
  socket_->send(resume::encode(welcome));
  log_.each_after(acknowledged_, [this](std::string& frame) {
    resume::patch_received(frame, received_);
    socket_->send(frame);
  });
  return {};
}

/// What was not taken is sent again by a client that comes back.
void ResumableSession::disconnect(std::uint16_t code, const char* why) {
  if (socket_) std::exchange(socket_, nullptr)->close(code, why);
  waiting_.clear();
  waiting_bytes_ = 0;
  tell_size();
}

void ResumableSession::tell_size() {
  if (closing_) return;
  const std::size_t size = log_.bytes() + log_.kept_bytes() + waiting_bytes_ + session_.bytes() +
                           items_.bytes() + held_inodes_.size() * kHeldInodeBytes;
  if (size != std::exchange(told_size_, size)) keeper_.on_size(id_, size);
}

void ResumableSession::fail(const char* why) {
  if (!socket_) return;
  log::warn("9p: {}: {}; the connection is closed", session_.peer().name, why);
  disconnect(kCloseProtocolError, why);
  keeper_.on_disconnected(id_);
}

bool ResumableSession::on_closed(const MessageSocket* socket) {
  if (socket != socket_.get() || closing_) return false;
  socket_.reset();
  disconnect(kCloseNormal, "");
  keeper_.on_disconnected(id_);
  return true;
}

void ResumableSession::on_drained(const MessageSocket* socket) {
  if (socket == socket_.get()) go_on();
}

// What the client has got is looked at when a frame comes, not when it is taken: it makes the room
// that frames wait for.
void ResumableSession::on_frame(const MessageSocket* socket, std::string frame) {
  if (socket != socket_.get() || closing_) return;
  const auto decoded = resume::decode_client_frame(frame);
  if (!decoded) return fail("a malformed frame");
  const std::uint64_t received = std::visit(ReceivedIn(), *decoded);
  if (received > acknowledged_) {
    if (!log_.acknowledge(received)) return fail("it has got what was never sent");
    acknowledged_ = received;
  }
  if (std::holds_alternative<resume::Received>(*decoded)) return go_on();
  if (std::holds_alternative<resume::Bye>(*decoded)) return keeper_.on_bye(id_);
  if (waiting_.empty() && !going_on_ && may_go_on()) {
    going_on_ = true;
    take(*decoded, frame);
    going_on_ = false;
    return go_on();
  }
  waiting_bytes_ += frame.size();
  waiting_.push_back(std::move(frame));
  if (waiting_.size() > kWaitingMax || waiting_bytes_ > kWaitingBytesMax) {
    return fail("it sends on and does not say what it has got");
  }
  go_on();
}

bool ResumableSession::may_go_on() const {
  return !busy_ && session_.has_room() && log_.bytes() <= kUnacknowledgedBytesMax &&
         (!has_come_ || (log_.kept().size() < kKeptMax && log_.kept_bytes() <= kKeptBytesMax)) &&
         (!socket_ || socket_->unsent_bytes() <= MessageSocket::kUnsentBytesMax);
}

void ResumableSession::go_on() {
  if (going_on_ || closing_) return;
  const Self self = shared_from_this();
  going_on_ = true;
  while (!waiting_.empty() && may_go_on() && !closing_) {
    std::string frame = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= frame.size();
    take(*resume::decode_client_frame(frame), frame);  // it was looked at when it came
  }
  going_on_ = false;
  tell_size();
  // Only for what ends without the client's help: what it says to have got must still get through.
  const bool hold_back = busy_ || !session_.has_room();
  if (!socket_ || hold_back == held_back_) return;
  held_back_ = hold_back;
  socket_->hold_back(hold_back);
}

bool ResumableSession::is_next(const resume::Numbers& numbers) {
  if (numbers.number != received_ + 1) return false;
  if (!std::exchange(has_come_, true)) log_.drop_kept();
  ++received_;
  return true;
}

/// `bytes`: what `frame` was decoded from; they are not needed any more.
void ResumableSession::take(const resume::ClientFrame& frame, std::string& bytes) {
  if (const auto* request = std::get_if<resume::Request>(&frame)) {
    take_request(*request);
  } else if (const auto* replay = std::get_if<resume::Replay>(&frame)) {
    if (!may_rebuild_ || !is_next(replay->numbers)) return fail("a Replay out of order");
    run_replay(shared_from_this(), std::move(bytes)).detach();
  } else if (const auto* restore = std::get_if<resume::Restore>(&frame)) {
    if (!may_rebuild_ || !is_next(restore->numbers)) return fail("a Restore out of order");
    run_restore(shared_from_this(), std::move(bytes)).detach();
  } else if (std::holds_alternative<resume::Commit>(frame)) {
    commit_asked_ = true;
    if (!std::exchange(committing_, true)) commit(shared_from_this()).detach();
  } else {
    fail("a frame that does not belong here");
  }
}

void ResumableSession::take_request(const resume::Request& request) {
  if (!is_next(request.numbers)) return fail("a number is missing");
  end_rebuilding();
  const auto header = peek_header(as_bytes(request.message));
  if (!header || header->size != request.message.size() ||
      header->size > session_.message_bytes_max()) {
    return fail("a frame without one whole message");
  }
  const auto taken = session_.receive(std::string(request.message), received_);
  if (!taken) fail(taken.error().what);
}

Task<> ResumableSession::commit(Self self) {
  while (!self->closing_ && std::exchange(self->commit_asked_, false)) {
    const auto done = co_await self->session_.state().door.vfs.sync_all();
    if (done && self->socket_) self->socket_->send(resume::encode(self->keeper_.durable()));
  }
  self->committing_ = false;
}

void ResumableSession::on_durable() {
  if (!owes_durable_ || !socket_) return;
  const resume::Durable durable = keeper_.durable();
  if (durable.segment > last_change_in_) owes_durable_ = false;
  socket_->send(resume::encode(durable));
}

void ResumableSession::send(std::string frame, std::uint64_t answers) {
  if (closing_) return;
  const std::string& kept = log_.add(std::move(frame), answers);
  tell_size();
  if (!socket_) return;
  std::string sent = kept;
  resume::patch_received(sent, received_);
  socket_->send(std::move(sent));
}

void ResumableSession::on_begin(Call& call) {
  auto note = std::make_unique<Note>();
  note->before = look_before(call);
  note->let_go = StateItems::let_go_by(call);
  call.note = std::move(note);
}

bool ResumableSession::on_done(Call& call) {
  auto& note = static_cast<Note&>(*call.note);
  const auto redo = look_after(call, std::move(note.before));
  // A Replay has fids of its own, which are gone when it ends.
  const bool is_replay = &call.session() != &session_.state();
  const auto items = is_replay ? std::vector<StateItems::Item>() : items_.after(call, note.let_go);
  resume::Reply reply{.numbers = {.number = 1},
                      .answers = call.number(),
                      .durable = keeper_.durable(),
                      .change = {},
                      .items = views_of(items),
                      .message = call.reply_so_far()};
  if (redo) {
    reply.change = {.mark = keeper_.next_mark(), .redo = ""};
    last_change_in_ = reply.change->mark.segment;
    owes_durable_ = true;
    // Without the redo: whoever is told by the record needs none.
    log_.keep(call.number(), resume::encode(reply));
    keeper_.on_changed(id_);
  }
  const std::string redo_bytes = redo ? keeper_.sealer().seal(*redo) : std::string();
  if (redo) reply.change->redo = redo_bytes;
  note.frame = resume::encode(reply);
  // That there are locks must be known to the next daemon before one is told of.
  if (items_.has_locks()) locks_recorded_ = true;
  return locks_recorded_ && !locks_stored_ && std::holds_alternative<Tlock>(*call.request());
}

Task<> ResumableSession::make_durable() {
  const Self self = shared_from_this();
  if (co_await keeper_.store_now(id_)) locks_stored_ = true;
}

void ResumableSession::on_end(Call& call, std::string reply) {
  auto* note = static_cast<Note*>(call.note.get());
  if (note != nullptr && !note->frame.empty()) return send(std::move(note->frame), call.number());
  std::vector<StateItems::Item> items;
  if (call.request() && &call.session() == &session_.state())
    items = items_.after(call, note == nullptr ? StateItems::LetGo() : note->let_go);
  answer(call, reply, items);
}

void ResumableSession::answer(Call& call, std::string_view reply,
                              const std::vector<StateItems::Item>& items) {
  const resume::Reply frame{.numbers = {.number = 1},
                            .answers = call.number(),
                            .durable = keeper_.durable(),
                            .change = {},
                            .items = views_of(items),
                            .message = reply};
  send(resume::encode(frame), call.number());
}

format::SessionRecord ResumableSession::record(format::TimeNs now) const {
  format::SessionRecord record{
      .id = id_,
      .last_seen = now,
      .keep_seconds = keeper_.grace_seconds(),
      .replies = {},
      .state = LeftSessions::state(locks_recorded_ || (may_rebuild_ && had_locks_))};
  for (const auto& [answers, frame] : log_.kept()) {
    record.replies.push_back({.sequence = answers, .bytes = frame});
    record.applied = answers;
  }
  return record;
}

Task<> ResumableSession::close() {
  closing_ = true;
  disconnect(kCloseGoingAway, "the session has ended");
  while (busy_) co_await idle_.wait();
  for (const Ino ino : held_inodes_) session_.state().door.vfs.forget(ino, 1);
  held_inodes_.clear();
  co_await session_.close();
}

}  // namespace cairn::p9
