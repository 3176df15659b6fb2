#include "fsd/vfs/vfs.h"

#include <vector>

#include "fsd/base/log.h"
#include "fsd/vfs/vfs_parts.h"

namespace cairn::vfs {

Vfs::Parts::Parts(Runtime& runtime_used, engine::Volume& volume_used, Options options_used)
    : runtime(runtime_used),
      volume(volume_used),
      options(options_used),
      data(
          runtime_used, volume_used,
          [this](Ino ino, std::uint64_t bytes) { return on_freed(ino, bytes); },
          options.extents_per_step) {
  inodes.on_unused([this](Ino ino) { reclaimer.on_unused(ino); });
}

Vfs::Vfs(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Vfs::~Vfs() = default;

Task<Result<std::unique_ptr<Vfs>>> Vfs::open(Runtime& runtime, engine::Volume& volume,
                                             Options options) {
  auto parts = std::make_unique<Parts>(runtime, volume, options);
  CO_TRY(const bool exists, parts->counters.load());
  CO_TRY_OK(parts->sessions.load());
  if (!volume.read_only()) {
    CO_TRY_OK(co_await volume.admit(0));
    if (exists) {
      parts->counters.renew_lease();
    } else {
      CO_TRY_OK(parts->make_root());
    }
    parts->sessions.begin_term();
    parts->counters.store();
    // No inode number is given out before its lease is durable.
    CO_TRY_OK(co_await volume.sync(volume.open_segment()));
  } else if (!exists) {
    co_return Error(engine::EngineErrc::kReadOnly, "a new volume cannot be opened for reading");
  }
  parts->directory.set_key(parts->counters.name_key());
  CO_TRY_OK(parts->inodes.get(kRootIno));
  if (!volume.read_only()) parts->reclaimer.recover(!options.grace);
  co_return std::unique_ptr<Vfs>(new Vfs(std::move(parts)));
}

Result<void> Vfs::Parts::make_root() {
  SipKey key;
  key.k0 = runtime.random.next();
  key.k1 = runtime.random.next();
  counters.create(key);
  counters.add_inode();
  InodeRecord root;
  root.mode = S_IFDIR | 0755;
  root.uid = options.root_uid;
  root.gid = options.root_gid;
  root.nlink = 2;
  root.atime = root.mtime = root.ctime = root.btime = now();
  root.parent = kRootIno;
  const InodeRef inode = inodes.add(kRootIno, root);
  inodes.store(*inode);
  return {};
}

Result<void> Vfs::Parts::on_freed(Ino ino, std::uint64_t bytes) {
  auto inode = inodes.get(ino);
  if (!inode) return to_errno(inode.error()) == ESTALE ? Result<void>() : inode.error();
  InodeRecord next = (*inode)->record;
  next.blocks -= std::min(next.blocks, bytes);
  counters.change_bytes((*inode)->record.blocks, next.blocks);
  inodes.store_uncounted(**inode, next);
  counters.store();
  return {};
}

void Vfs::Parts::store(const Caller& caller, Inode& inode) {
  inodes.store(inode);
  if (listener != nullptr) listener->on_attributes_changed(inode.ino, caller.client);
}

void Vfs::Parts::notify_entry(const Caller& caller, Ino parent, std::string_view name) const {
  if (listener != nullptr) listener->on_entry_changed(parent, name, caller.client);
}

void Vfs::Parts::notify_data(const Caller& caller, Ino ino, std::uint64_t offset,
                             std::uint64_t length) const {
  if (listener != nullptr) listener->on_data_changed(ino, offset, length, caller.client);
}

void Vfs::Parts::touch_atime(Inode& inode, int open_flags) {
  if ((open_flags & O_NOATIME) != 0 || volume.read_only()) return;
  constexpr TimeNs kDay = 86'400'000'000'000;
  const InodeRecord& r = inode.record;
  const TimeNs when = now();
  if (r.atime > r.mtime && r.atime > r.ctime && when - r.atime < kDay) return;
  inodes.touch_atime(inode, when);
}

Sessions& Vfs::sessions() { return parts_->sessions; }

SipKey Vfs::derive_key(std::string_view purpose) const {
  const SipKey master = parts_->counters.name_key();
  const std::string text(purpose);
  return {.k0 = sip_hash(master, text + '0'), .k1 = sip_hash(master, text + '1')};
}

void Vfs::end_grace() {
  parts_->locks.grace().end();
  if (!parts_->volume.read_only()) parts_->reclaimer.recover_orphans();
}

void Vfs::keep_orphans() { parts_->reclaimer.keep_orphans(); }

void Vfs::set_listener(ChangeListener* listener) { parts_->listener = listener; }

Task<> Vfs::stop() {
  Parts& p = *parts_;
  co_await p.reclaimer.stop();
  if (p.inodes.pending_atimes() == 0 || p.volume.read_only()) co_return;
  auto admitted = co_await p.volume.admit(0);
  if (admitted) p.inodes.put_pending_atimes(InodeTable::kPendingAtimesMax);
}

void Vfs::remember(Ino ino, std::uint64_t lookups) { parts_->inodes.remember(ino, lookups); }
void Vfs::forget(Ino ino, std::uint64_t lookups) { parts_->inodes.forget(ino, lookups); }

FilesystemStats Vfs::stats() {
  return {.bytes_total = parts_->options.bytes_max,
          .bytes_used = parts_->counters.bytes(),
          .inodes_used = parts_->counters.inodes()};
}

Task<Result<void>> Vfs::fsync(Ino ino, bool) {
  // data_only makes no difference: one object carries both.
  const Seq upto = parts_->inodes.changed_in(ino);
  if (upto == Seq()) co_return Result<void>();
  co_return co_await parts_->volume.sync(upto);
}

Task<Result<void>> Vfs::sync_all() {
  co_return co_await parts_->volume.sync(parts_->volume.open_segment());
}

}  // namespace cairn::vfs
