#include "fsd/frontends/ninep/session_registry.h"

#include <algorithm>
#include <cerrno>

#include "fsd/base/log.h"
#include "fsd/format/identity.h"

namespace cairn::p9 {
namespace {

/// So that the records of all sessions find room in one segment. A session takes nothing more well
/// below, but what is under way may still be a lot.
constexpr std::size_t kRecordBytesMax = 192U << 10;
/// Then after twice as long, and so on.
constexpr Duration kFirstWaitNoted = std::chrono::seconds(1);

bool is_none(const resume::SessionId& id) {
  return std::ranges::all_of(id, [](std::uint8_t byte) { return byte == 0; });
}

void add_kept(const std::map<std::uint64_t, std::string>& kept, resume::Welcome& welcome) {
  for (const auto& [answers, reply] : kept) {
    welcome.kept.push_back({.answers = answers, .reply = reply});
  }
}

ClaimSealer make_sealer(const vfs::Vfs& vfs) {
  return {vfs.derive_key("9p claims, first"), vfs.derive_key("9p claims, second")};
}

}  // namespace

/// Until its Hello nobody knows whose connection it is.
class SessionRegistry::Connection final : public MessageSocket::User {
 public:
  Connection(SessionRegistry& registry, std::shared_ptr<MessageSocket> socket,
             const Export& exported, Peer peer, std::function<void()> on_end)
      : registry_(registry),
        socket_(std::move(socket)),
        exported_(exported),
        peer_(std::move(peer)),
        on_end_(std::move(on_end)) {}

  void on_message(std::string message) override {
    if (session_) return session_->on_frame(socket_.get(), std::move(message));
    if (refused_ || !socket_) return;
    const auto frame = resume::decode_client_frame(message);
    if (const auto* other = frame ? std::get_if<resume::End>(&*frame) : nullptr) {
      refused_ = true;
      return end_other(other->id);
    }
    const auto* hello = frame ? std::get_if<resume::Hello>(&*frame) : nullptr;
    if (hello == nullptr) return refuse(errno_error(EPROTO, "a connection begins with a Hello"));
    auto found = registry_.find(socket_, *hello, exported_, peer_);
    if (!found) return refuse(found.error());
    session_ = std::move(*found);
  }
  void on_drained() override {
    if (session_) session_->on_drained(socket_.get());
  }
  void on_leaving() override { leaving_ = true; }
  void on_closed() override {
    const bool was_newest = session_ && session_->on_closed(socket_.get());
    if (was_newest && leaving_) registry_.on_left(session_->id());
    session_.reset();
    socket_.reset();
    on_end_();
  }

 private:
  void end_other(const Id& id) {
    const auto known = registry_.sessions_.find(id);
    if (known != registry_.sessions_.end() && !is_of(known->second, exported_, peer_)) {
      return refuse(errno_error(EPERM, "the session is somebody else's"));
    }
    registry_.end_for(socket_, id).detach();
  }
  /// A client that is told of a protocol error gives its session up: only for what will not pass.
  void refuse(const Error& why) {
    refused_ = true;
    log::warn("9p: {}: {}; the connection is closed", peer_.name, why.what);
    const bool passes = why.code.value() == ESHUTDOWN || why.code.value() == EMFILE;
    socket_->close(passes ? kCloseTryLater : kCloseProtocolError, why.what);
  }

  SessionRegistry& registry_;
  std::shared_ptr<MessageSocket> socket_;
  const Export& exported_;
  const Peer peer_;
  const std::function<void()> on_end_;
  std::shared_ptr<ResumableSession> session_;
  bool refused_ = false;
  bool leaving_ = false;
};

SessionRegistry::SessionRegistry(Door& door, Options options)
    : door_(door), store_(door.vfs.sessions()), options_(options), sealer_(make_sealer(door.vfs)) {}

SessionRegistry::~SessionRegistry() { CHECK(sessions_.empty()); }

Result<void> SessionRegistry::start() {
  TRY(auto records, store_.records());
  for (const Id& id : left_.load(std::move(records), options_.grace)) {
    log::info("a client's session is waited for no more");
    ended_.insert(id);
  }
  store_.set_user(this);
  if (left_.empty()) {
    door_.vfs.end_grace();
    return {};
  }
  log::info("{} clients' sessions may come back within {} s", left_.size(), grace_seconds());
  in_grace_ = true;
  holds_locks_ = left_.any_has_locks();
  if (holds_locks_) door_.vfs.hold_locks();
  grace_ = door_.runtime.timers.schedule(options_.grace, [this] { end_grace(); });
  note_wait(std::min(kFirstWaitNoted, options_.grace / 2));
  return {};
}

/// That they have been waited for is to be known, whatever becomes of this daemon.
void SessionRegistry::note_wait(Duration wait) {
  noting_wait_ = door_.runtime.timers.schedule(wait, [this, wait] {
    left_.add_waited(wait);
    store_left().detach();
    note_wait(wait * 2);
  });
}

Task<> SessionRegistry::store_left() {
  if (!gate_.enter()) co_return;
  std::vector<Id> ids;
  for (const auto& [id, record] : left_.all()) ids.push_back(id);
  for (const Id& id : ids) {
    if (!co_await store_.admit()) break;
    const format::SessionRecord* record = left_.find(id);
    if (record != nullptr && !sessions_.contains(id)) store_.put(*record);
  }
  static_cast<void>(co_await door_.vfs.sync_all());
  gate_.leave();
}

std::shared_ptr<MessageSocket::User> SessionRegistry::accept(std::shared_ptr<MessageSocket> socket,
                                                             const Export& exported, Peer peer,
                                                             std::function<void()> on_end) {
  return std::make_shared<Connection>(*this, std::move(socket), exported, std::move(peer),
                                      std::move(on_end));
}

Result<std::shared_ptr<ResumableSession>> SessionRegistry::find(
    std::shared_ptr<MessageSocket> socket, const resume::Hello& hello, const Export& exported,
    const Peer& peer) {
  if (gate_.closing()) return errno_error(ESHUTDOWN, "the server is stopping");
  const auto known = sessions_.find(hello.id);
  if (known != sessions_.end() && !is_none(hello.id)) {
    return resume_here(known->second, std::move(socket), hello, exported, peer);
  }
  return make(std::move(socket), hello, exported, peer);
}

Result<std::shared_ptr<ResumableSession>> SessionRegistry::resume_here(
    Entry& entry, std::shared_ptr<MessageSocket> socket, const resume::Hello& hello,
    const Export& exported, const Peer& peer) {
  if (!is_of(entry, exported, peer)) {
    return errno_error(EPERM, "the session is somebody else's");
  }
  resume::Welcome welcome = entry.welcome;
  if (entry.session->has_come()) {
    welcome.outcome = resume::Outcome::kResumed;
  } else {
    add_kept(entry.session->log().kept(), welcome);
  }
  TRY_OK(entry.session->connect(std::move(socket), hello, welcome));
  if (std::exchange(entry.grace_set, false)) door_.runtime.timers.cancel(entry.grace);
  census_.set_connected(hello.id);
  return entry.session;
}

bool SessionRegistry::is_of(const Entry& entry, const Export& exported, const Peer& peer) {
  const Peer& before = entry.session->peer();
  return entry.exported == &exported && before.trusted == peer.trusted &&
         (peer.trusted || before.uid == peer.uid);
}

/// For one more session of this client, at the cost of one that he has lost.
Result<void> SessionRegistry::make_room(const std::string& client) {
  if (census_.count_of(client) >= options_.sessions_per_client_max) {
    const auto oldest = census_.oldest_detached(client);
    if (!oldest) return errno_error(EMFILE, "this client has too many sessions");
    give_up(*oldest, "its client has too many");
  }
  if (sessions_.size() + ending_.size() < options_.sessions_max) return {};
  return errno_error(EMFILE, "too many sessions");
}

Result<std::shared_ptr<ResumableSession>> SessionRegistry::make(
    std::shared_ptr<MessageSocket> socket, const resume::Hello& hello, const Export& exported,
    Peer peer) {
  TRY_OK(make_room(peer.key));
  const bool is_new = is_none(hello.id);
  const Id id = is_new ? format::random_uuid(door_.runtime.random) : hello.id;
  resume::Welcome welcome{
      .outcome = is_new ? resume::Outcome::kNew : resume::Outcome::kRebuild,
      .knows_unanswered = is_new || knows_unanswered(hello),
      .began = {.epoch = store_.epoch().value(), .segment = store_.segment().value()},
      .terms = {},
      .kept = {}};
  SessionKeeper& keeper = *this;
  census_.add(id, peer.key);
  auto session = std::make_shared<ResumableSession>(keeper, door_, exported, std::move(peer), id,
                                                    left_.find(id));
  sessions_.emplace(id, Entry{.session = session, .exported = &exported, .welcome = welcome});
  add_kept(session->log().kept(), welcome);
  TRY_OK(session->connect(std::move(socket), hello, std::move(welcome)));
  // Its record is in the first segment that anything of it can be in.
  changed_.insert(id);
  ended_.erase(id);
  return session;
}

/// Without a record, nothing of the session is in the log, if that ends before its first segment;
/// or its record has been there and is gone.
bool SessionRegistry::knows_unanswered(const resume::Hello& hello) const {
  if (left_.contains(hello.id)) return true;
  for (const format::Term& term : store_.terms()) {
    if (term.epoch.value() <= hello.began.epoch) continue;
    return term.log_end.value() <= hello.began.segment;
  }
  return false;
}

resume::Mark SessionRegistry::next_mark() {
  return {
      .epoch = store_.epoch().value(), .segment = store_.segment().value(), .order = ++last_order_};
}

resume::Durable SessionRegistry::durable() const {
  return {.epoch = store_.epoch().value(), .segment = store_.durable_end().value()};
}

std::vector<resume::Term> SessionRegistry::terms() const {
  std::vector<resume::Term> terms;
  for (const format::Term& term : store_.terms()) {
    terms.push_back({.epoch = term.epoch.value(), .segment = term.log_end.value()});
  }
  return terms;
}

std::uint32_t SessionRegistry::grace_seconds() const {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(options_.grace).count());
}

Task<bool> SessionRegistry::store_now(Id id) {
  changed_.insert(id);  // whoever stops us puts it
  if (!gate_.enter()) co_return false;
  bool stored = false;
  if (co_await store_.admit()) {  // else nothing is acknowledged any more
    const auto found = sessions_.find(id);
    if (found != sessions_.end() && changed_.erase(id) > 0) put_record(id, *found->second.session);
    stored = (co_await door_.vfs.sync_all()).has_value();
  }
  gate_.leave();
  co_return stored;
}

/// Without a record, the next daemon knows that it does not know what was done: see
/// knows_unanswered(). Better than one that says less than it should.
void SessionRegistry::put_record(const Id& id, const ResumableSession& session) {
  const ReplyLog& log = session.log();
  if (log.kept_bytes() <= kRecordBytesMax && log.kept().size() <= format::kSessionRepliesMax) {
    return store_.put(session.record(door_.runtime.clock.wall().count()));
  }
  store_.erase(id);
  changed_.insert(id);  // a later segment has room for it
}

void SessionRegistry::before_seal() {
  std::set<Id> changed;
  changed.swap(changed_);
  for (const Id& id : changed) {
    const auto found = sessions_.find(id);
    if (found != sessions_.end()) put_record(id, *found->second.session);
  }
  for (const Id& id : ended_) store_.erase(id);
  ended_.clear();
}

void SessionRegistry::on_durable() {
  for (const auto& [id, entry] : sessions_) entry.session->on_durable();
}

bool SessionRegistry::is_awaited(const Id& id) const { return in_grace_ && left_.contains(id); }

bool SessionRegistry::keeps_locks(const Id& id) const {
  const format::SessionRecord* record = holds_locks_ ? left_.find(id) : nullptr;
  return record != nullptr && LeftSessions::has_locks(*record);
}

void SessionRegistry::on_restored(const Id& id) { forget_left(id); }

void SessionRegistry::forget_left(const Id& id) {
  const bool was_last = left_.forget(id);
  if (!in_grace_) return;
  if (was_last) return end_grace();
  if (!holds_locks_ || left_.any_has_locks()) return;
  holds_locks_ = false;
  door_.vfs.release_locks();
}

void SessionRegistry::end_grace() {
  if (!std::exchange(in_grace_, false)) return;
  door_.runtime.timers.cancel(grace_);
  door_.runtime.timers.cancel(noting_wait_);
  holds_locks_ = false;
  for (const auto& [id, record] : left_.all()) {
    if (!sessions_.contains(id)) ended_.insert(id);
  }
  if (!left_.empty()) log::info("{} clients' sessions did not come back", left_.size());
  left_.clear();
  door_.vfs.end_grace();
}

/// Not on the spot: it may be in the middle of something.
void SessionRegistry::on_size(const Id& id, std::size_t bytes) {
  census_.set_bytes(id, bytes);
  if (census_.bytes() <= options_.bytes_max || gate_.closing()) return;
  if (std::exchange(too_many_bytes_, true)) return;
  keeping_to_bytes_ = door_.runtime.timers.schedule(Duration(), [this] { keep_to_bytes(); });
}

/// Who is connected holds what he needs, unless it is too much by itself. What ends comes back as
/// after a crash.
void SessionRegistry::keep_to_bytes() {
  too_many_bytes_ = false;
  while (census_.bytes() > options_.bytes_max) {
    auto id = census_.oldest_detached();
    if (!id) id = census_.largest();
    give_up(*id, "all sessions together hold too much memory");
  }
}

void SessionRegistry::give_up(const Id& id, const char* why) {
  log::warn("9p: {}: its session, of {} KiB, has ended: {}", sessions_.at(id).session->peer().name,
            census_.bytes_of(id) >> 10U, why);
  end(id).detach();
}

void SessionRegistry::on_disconnected(const Id& id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || gate_.closing() || found->second.grace_set) return;
  census_.set_detached(id);
  wait_for(id, found->second, options_.grace);
}

/// A page that was closed is told apart from a connection that was lost. It is not ended at once,
/// since a proxy on the way may go away as well.
void SessionRegistry::on_left(const Id& id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || gate_.closing() || !found->second.grace_set) return;
  door_.runtime.timers.cancel(found->second.grace);
  wait_for(id, found->second, std::min(options_.leaving_grace, options_.grace));
}

void SessionRegistry::wait_for(const Id& id, Entry& entry, Duration grace) {
  entry.grace_set = true;
  entry.grace = door_.runtime.timers.schedule(grace, [this, id] {
    const auto entry = sessions_.find(id);
    if (entry == sessions_.end()) return;
    entry->second.grace_set = false;
    log::info("9p: {}: did not come back; its session has ended",
              entry->second.session->peer().name);
    end(id).detach();
  });
}

Task<> SessionRegistry::end(Id id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || !gate_.enter()) co_return;
  auto session = found->second.session;
  if (found->second.grace_set) door_.runtime.timers.cancel(found->second.grace);
  sessions_.erase(found);
  census_.remove(id);
  changed_.erase(id);
  ended_.insert(id);
  const auto ending = ending_.insert(id);
  forget_left(id);
  const bool had_locks = LeftSessions::has_locks(session->record(0));
  co_await session->close();
  ending_.erase(ending);
  has_ended_.notify_all();
  session.reset();
  // Nobody is to wait for its locks after a crash; but its client may have come back meanwhile.
  if (had_locks) co_await erase_record(id);
  gate_.leave();
}

Task<> SessionRegistry::erase_record(Id id) {
  if (sessions_.contains(id)) co_return;
  const auto admitted = co_await store_.admit();
  if (!admitted || sessions_.contains(id)) co_return;
  store_.erase(id);
  static_cast<void>(co_await door_.vfs.sync_all());
}

/// As somebody else's client asks; the closed connection is the answer.
Task<> SessionRegistry::end_for(std::shared_ptr<MessageSocket> socket, Id id) {
  if (!gate_.enter()) co_return;
  if (sessions_.contains(id)) {
    co_await end(id);
  } else if (left_.contains(id)) {
    ended_.insert(id);
    forget_left(id);
  }
  while (ending_.contains(id)) co_await has_ended_.wait();  // for somebody else, who asked before
  socket->close(kCloseNormal, "");
  gate_.leave();
}

Task<> SessionRegistry::stop() {
  Task<> all_left = gate_.close();
  if (std::exchange(in_grace_, false)) {
    door_.runtime.timers.cancel(grace_);
    door_.runtime.timers.cancel(noting_wait_);
  }
  if (too_many_bytes_) door_.runtime.timers.cancel(keeping_to_bytes_);
  if (!sessions_.empty() || !left_.empty()) door_.vfs.keep_orphans();
  for (auto& [id, entry] : sessions_) {
    if (std::exchange(entry.grace_set, false)) door_.runtime.timers.cancel(entry.grace);
  }
  for (auto& [id, entry] : sessions_) co_await entry.session->close();
  co_await all_left;
  // What was done until now and not answered goes into the last segment.
  if ((!changed_.empty() || !ended_.empty()) && co_await store_.admit()) before_seal();
  store_.set_user(nullptr);
  sessions_.clear();
}

}  // namespace cairn::p9
