#include "fsd/vfs/reclaimer.h"

#include <sys/stat.h>

#include "fsd/base/log.h"
#include "fsd/format/keys.h"

namespace cairn::vfs {
namespace {

constexpr std::string_view kOrphanValue("\x01", 1);  // a version

}  // namespace

Reclaimer::Reclaimer(Runtime& runtime, engine::Volume& volume, InodeTable& inodes,
                     Counters& counters, Xattrs& xattrs, FileData& data)
    : runtime_(runtime),
      volume_(volume),
      inodes_(inodes),
      counters_(counters),
      xattrs_(xattrs),
      data_(data) {}

void Reclaimer::on_nameless(Inode& inode) {
  if (!inodes_.in_use(inode.ino) && erase_now(inode)) return;
  volume_.put(format::orphan_key(inode.ino), kOrphanValue);
  if (inodes_.in_use(inode.ino)) {
    inodes_.set_orphan(inode.ino, true);
  } else {
    reclaim_later(inode.ino).detach();
  }
}

void Reclaimer::on_named(Ino ino) {
  volume_.erase(format::orphan_key(ino));
  inodes_.set_orphan(ino, false);
}

void Reclaimer::on_unused(Ino ino) {
  if (!keeps_orphans_) reclaim(ino).detach();
}

/// False: there is too much of it for one transaction, or some of it is damaged.
bool Reclaimer::erase_now(Inode& inode) {
  if (auto erased = erase_parts(inode); !erased) {
    log::error("inode {} cannot be freed: {}", inode.ino.value(), erased.error().message());
    return false;
  }
  if (inode.record.blocks != 0) return false;
  counters_.remove_inode();
  inodes_.erase(inode);
  return true;
}

Result<void> Reclaimer::erase_parts(Inode& inode) {
  InodeRecord record = inode.record;
  TRY_OK(xattrs_.erase_all(inode.ino, record));
  if (S_ISLNK(record.mode)) volume_.erase(format::symlink_key(inode.ino));
  if (S_ISREG(record.mode) && record.blocks != 0) {
    TRY_OK(data_.truncate(inode.ino, record, 0));
    counters_.change_bytes(inode.record.blocks, record.blocks);
  }
  inodes_.store(inode, record);
  return {};
}

Task<> Reclaimer::reclaim(Ino ino) {
  if (!gate_.enter()) co_return;
  auto done = co_await try_reclaim(ino);
  if (!done) log::warn("inode {} is not freed yet: {}", ino.value(), done.error().message());
  gate_.leave();
}

/// Not before the caller's transaction has ended: to be admitted to another one may close the
/// segment, and leave the first in two.
Task<> Reclaimer::reclaim_later(Ino ino) {
  if (!gate_.enter()) co_return;
  co_await SleepFor(runtime_.timers, Duration{});
  co_await reclaim(ino);
  gate_.leave();
}

Task<Result<void>> Reclaimer::try_reclaim(Ino ino) {
  CO_TRY_OK(co_await volume_.admit(0));
  auto step = reclaim_step(ino);
  counters_.store();
  CO_TRY(bool done, std::move(step));
  if (done) co_return Result<void>();
  CO_TRY_OK(co_await data_.free_all(ino));
  CO_TRY_OK(co_await volume_.admit(0));
  step = reclaim_step(ino);
  counters_.store();
  CO_TRY(done, std::move(step));
  co_return done ? Result<void>() : Result<void>(errno_error(EIO, "its extents are damaged"));
}

/// True: nothing is left to do.
Result<bool> Reclaimer::reclaim_step(Ino ino) {
  if (inodes_.in_use(ino)) {  // somebody came while we waited
    inodes_.set_orphan(ino, true);
    return true;
  }
  auto inode = inodes_.get(ino);
  if (!inode && to_errno(inode.error()) != ESTALE) return inode.error();
  if (inode && (*inode)->record.nlink == 0 && !erase_now(**inode)) return false;
  volume_.erase(format::orphan_key(ino));
  return true;
}

void Reclaimer::continue_trims() {
  auto pending = data_.has_pending_trims();
  if (!pending) log::warn("cannot see what to trim: {}", pending.error().message());
  if (pending && *pending) run_trims().detach();
}

Task<> Reclaimer::run_trims() {
  if (!gate_.enter()) co_return;
  co_await SleepFor(runtime_.timers, Duration{});  // as reclaim_later()
  auto done = co_await data_.finish_trims();
  if (!done) log::warn("trimming goes on at the next start: {}", done.error().message());
  gate_.leave();
}

void Reclaimer::recover(bool orphans) {
  if (orphans) recover_orphans();
  continue_trims();
}

void Reclaimer::recover_orphans() { run_recovery().detach(); }

Task<> Reclaimer::run_recovery() {
  if (!gate_.enter()) co_return;
  std::uint64_t count = 0;
  auto orphan = next_orphan(Ino());
  while (orphan && orphan->value() != 0 && !gate_.closing()) {
    co_await reclaim(*orphan);
    ++count;
    orphan = next_orphan(*orphan);
  }
  if (!orphan) log::warn("cannot see which inodes to free: {}", orphan.error().message());
  if (count > 0) log::info("freed {} unlinked files that were open", count);
  gate_.leave();
}

/// Ino{}: there are no more.
Result<Ino> Reclaimer::next_orphan(Ino after) {
  Ino found;
  auto take = [&found](std::string_view key, std::string_view) {
    found = Ino(format::key_u64(key, 0));
    return false;
  };
  TRY_OK(volume_.scan(format::orphan_key(after.next()), format::orphan_key(Ino(UINT64_MAX)), take));
  return found;
}

Task<> Reclaimer::stop() {
  data_.stop_trims();
  co_await gate_.close();
}

}  // namespace cairn::vfs
