// Of a resumable session, what it does after a crash: its client brings back first what was lost of
// its changes, and then its state.

#include <cerrno>

#include "fsd/base/log.h"
#include "fsd/frontends/ninep/handlers.h"
#include "fsd/frontends/ninep/redo.h"
#include "fsd/frontends/ninep/resumable_session.h"

namespace cairn::p9 {
namespace {

constexpr std::size_t kHeldInodesMax = 1U << 16;
constexpr std::size_t kReplayFidsMax = 4;
/// Above what a client's buffer of changes can come to.
constexpr std::size_t kLostInodesMax = 1U << 20;
/// Then others get the core for a moment.
constexpr std::size_t kItemsAtOnce = 256;

}  // namespace

/// It has the fids that the request had, and no others.
Task<> ResumableSession::run_replay(Self self, std::string frame) {
  self->busy_ = true;
  const auto decoded = resume::decode_client_frame(frame);
  const auto& replay = std::get<resume::Replay>(*decoded);
  const SessionState& state = self->session_.state();
  SessionState scratch{.door = state.door,
                       .exported = state.exported,
                       .peer = state.peer,
                       .client = state.client,
                       .fids = FidTable(kReplayFidsMax),
                       .message_bytes_max = state.door.limits.message_bytes_max,
                       .lost = {}};
  const auto header = peek_header(as_bytes(replay.message));
  const bool is_whole = header && header->size == replay.message.size() &&
                        header->size <= state.door.limits.message_bytes_max;
  const auto claim = self->keeper_.sealer().open_redo(replay.redo);
  Call call(scratch, is_whole ? *header : Header{}, std::string(replay.message), 0,
            replay.numbers.number);
  Result<void> done = errno_error(EPROTO, "no Replay of ours");
  std::vector<StateItems::Item> lost;
  if (is_whole && claim && call.request()) {
    self->hold(claim->affected);
    done = co_await self->replay(call, *claim);
    if (!done) lost = self->lose(claim->affected);
  }
  if (!done) {
    const auto ecode = static_cast<std::uint32_t>(to_errno(done.error()));
    log::warn("9p: {}: a change cannot be done again: {}", self->peer().name,
              done.error().message());
    static_cast<void>(call.reply(Rlerror{.ecode = ecode}));
  }
  if (done) {
    self->on_end(call, call.take_reply());
  } else {
    self->answer(call, call.take_reply(), lost);
  }
  call.let_go_of_fids();
  scratch.fids.clear();
  self->end_busy();
}

Task<Result<void>> ResumableSession::replay(Call& call, const RedoClaim& claim) {
  // What the rights were is part of what it expects to find.
  FidMaker maker(call.session(), FidMaker::Rights::kAsTheyWere);
  for (const auto& [number, fid] : claim.fids) {
    auto made = co_await maker.make(fid);
    if (!made) co_return made.error();
    CO_TRY_OK(call.session().fids.add(number, std::move(*made)));
  }
  // Nothing else is ever sent again; and what waits for a lock would never be woken.
  if (!changes_something(call)) co_return errno_error(EPROTO, "it changes nothing");
  // What came before it was not done again: that the counter fits now is somebody else's doing.
  for (const Expectation& expectation : claim.expectations) {
    if (expectation.name.empty() && session_.state().lost.contains(expectation.ino)) {
      co_return errno_error(ESTALE, "a change before it is lost");
    }
  }
  CO_TRY_OK(check_expectations(call.vfs(), claim));
  call.made_again = claim.made;
  on_begin(call);
  CO_TRY_OK(co_await handle(call));
  static_cast<void>(on_done(call));
  co_return Result<void>();
}

/// Whoever has them open is to find them in the Restore.
void ResumableSession::hold(const std::vector<Ino>& inodes) {
  for (const Ino ino : inodes) {
    if (held_inodes_.size() >= kHeldInodesMax) return;
    if (held_inodes_.insert(ino).second) session_.state().door.vfs.remember(ino);
  }
}

std::vector<StateItems::Item> ResumableSession::lose(const std::vector<Ino>& inodes) {
  SessionState& state = session_.state();
  std::vector<StateItems::Item> items;
  if (state.lost.size() + inodes.size() > kLostInodesMax) {
    fail("it says to have lost more than it can have had");
    return items;
  }
  state.lost.insert(inodes.begin(), inodes.end());
  items_.add_lost(inodes, items);
  for (const auto& [number, fid] : state.fids.all()) {
    if (state.lost.contains(fid->place.ino)) fid->has_lost = true;
  }
  return items;
}

Task<> ResumableSession::run_restore(Self self, std::string frame) {
  self->busy_ = true;
  const auto decoded = resume::decode_client_frame(frame);
  const auto& restore = std::get<resume::Restore>(*decoded);
  SessionState& state = self->session_.state();
  state.message_bytes_max =
      std::min(restore.message_bytes_max, state.door.limits.message_bytes_max);
  std::vector<resume::Failure> failures;
  const FidMaker::Rights rights =
      self->keeper_.is_awaited(self->id_) ? FidMaker::Rights::kAsTheyWere : FidMaker::Rights::kNow;
  FidMaker maker(state, rights);
  std::size_t count = 0;
  for (const resume::Item& item : restore.items) {
    if (StateItems::fid_of(item.key)) co_await self->restore_fid(maker, item, failures);
    if (++count % kItemsAtOnce == 0) co_await SleepFor(state.door.runtime.timers, Duration());
  }
  std::vector<Ino> lost;
  for (const resume::Item& item : restore.items) {
    if (StateItems::fid_of(item.key)) continue;
    if (StateItems::takes_locks_anew(item.key)) {
      self->takes_locks_anew_ = true;
    } else if (const auto ino = StateItems::lost_of(item.key)) {
      lost.push_back(*ino);
    } else {
      co_await self->restore_locks(item, failures);
    }
  }
  for (const std::uint64_t ino : restore.lost) lost.emplace_back(ino);
  self->lose(lost);
  if (restore.items.empty()) self->end_rebuilding();
  if (self->items_.has_locks()) {
    self->locks_recorded_ = true;
    if (co_await self->keeper_.store_now(self->id_)) self->locks_stored_ = true;
  }
  self->send(
      resume::encode(resume::Restored{
          .numbers = {.number = 1}, .answers = restore.numbers.number, .failures = failures}),
      restore.numbers.number);
  self->end_busy();
}

Task<> ResumableSession::restore_fid(FidMaker& maker, const resume::Item& item,
                                     std::vector<resume::Failure>& failures) {
  SessionState& state = session_.state();
  const std::uint32_t number = *StateItems::fid_of(item.key);
  const auto claim = keeper_.sealer().open_fid(item.blob);
  Result<FidRef> fid = errno_error(ESTALE, "nothing that we gave out");
  if (claim) fid = co_await maker.make(*claim);
  Result<void> added = state.fids.check_free(number);
  if (fid && added) added = state.fids.add(number, *fid);
  if (fid && added) co_return;
  const Error& error = fid ? added.error() : fid.error();
  if (added)
    state.fids.add_stale(number, {.error = error, .ino = claim ? claim->place.ino : Ino()});
  failures.push_back({.key = item.key, .error = static_cast<std::uint32_t>(to_errno(error))});
}

FidRef ResumableSession::open_fid(std::uint32_t number, Ino ino) const {
  const auto is_open = [ino](const Fid& fid) {
    return fid.place.ino == ino &&
           (fid.kind() == Fid::Kind::kFile || fid.kind() == Fid::Kind::kDirectory);
  };
  const auto& fids = const_cast<Session&>(session_).state().fids;
  const auto same = fids.get(number);
  if (same && is_open(**same)) return *same;
  for (const auto& [other, fid] : fids.all()) {
    if (is_open(*fid)) return fid;
  }
  return {};
}

/// Who had locks and does not get them back must not go on as if he had them: his file answers EIO.
/// Who has no open fid of it does not go on: he has closed it, and waits for the answer, or it is
/// gone.
Task<> ResumableSession::restore_locks(const resume::Item& item,
                                       std::vector<resume::Failure>& failures) {
  const auto claim = keeper_.sealer().open_lock(item.blob);
  Result<void> done = errno_error(ESTALE, "nothing that we gave out");
  if (claim) done = co_await take_locks(*claim);
  if (done) {
    items_.add_owner(claim->ino, claim->owner);
    co_return;
  }
  if (claim && open_fid(claim->fid, claim->ino)) lose({claim->ino});
  log::warn("9p: {}: locks cannot be brought back: {}", peer().name, done.error().message());
  failures.push_back(
      {.key = item.key, .error = static_cast<std::uint32_t>(to_errno(done.error()))});
}

Task<Result<void>> ResumableSession::take_locks(const LockClaim& claim) {
  SessionState& state = session_.state();
  const bool are_kept = keeper_.keeps_locks(id_);
  if (!are_kept && !takes_locks_anew_) {
    co_return errno_error(ESTALE, "others may have had locks since");
  }
  const FidRef fid = open_fid(claim.fid, claim.ino);
  if (!fid) co_return errno_error(ESTALE, "the file is not open any more");
  for (vfs::RangeLock lock : claim.locks) {
    lock.owner = {.client = state.client, .owner = claim.owner};
    Result<void> taken;
    if (are_kept) {
      taken = state.door.vfs.reclaim_lock(fid->handle(), lock);
    } else {
      taken = co_await state.door.vfs.set_lock(fid->handle(), lock, false, 0);
    }
    if (!taken) co_return taken.error();
  }
  co_return Result<void>();
}

void ResumableSession::end_rebuilding() {
  if (!std::exchange(may_rebuild_, false)) return;
  for (const Ino ino : held_inodes_) session_.state().door.vfs.forget(ino, 1);
  held_inodes_.clear();
  if (had_locks_) keeper_.on_changed(id_);
  keeper_.on_restored(id_);
}

void ResumableSession::end_busy() {
  busy_ = false;
  idle_.notify_all();
  go_on();
}

}  // namespace cairn::p9
