#include "fsd/vfs/inode_table.h"

#include <algorithm>

#include "fsd/base/check.h"
#include "fsd/base/log.h"
#include "fsd/format/keys.h"

namespace cairn::vfs {

Result<InodeRef> InodeTable::get(Ino ino) {
  if (auto found = index_.find(ino); found != index_.end()) {
    if (found->second->gone) return errno_error(ESTALE);
    if (found->second != entries_.begin()) {
      entries_.splice(entries_.begin(), entries_, found->second);
    }
    return InodeRef(*this, *found->second);
  }
  TRY(auto bytes, volume_.find(format::inode_key(ino)));
  if (!bytes) return errno_error(ESTALE);
  auto record = format::decode_inode(*bytes);
  if (!record) {
    log::error("inode {}: {}", ino.value(), record.error().message());
    return record.error();
  }
  Inode& inode = insert(ino, *record);
  if (evicted_changed_in_ >= volume_.durable_end()) inode.changed_in = evicted_changed_in_;
  return InodeRef(*this, inode);
}

InodeRef InodeTable::add(Ino ino, const InodeRecord& record) {
  return InodeRef(*this, insert(ino, record));
}

Inode& InodeTable::insert(Ino ino, const InodeRecord& record) {
  entries_.push_front(Inode{.ino = ino, .record = record});
  const bool fresh = index_.emplace(ino, entries_.begin()).second;
  CHECK(fresh);
  Inode& inode = entries_.front();
  ++inode.pins;
  evict();
  --inode.pins;
  return inode;
}

void InodeTable::store(Inode& inode, const InodeRecord& record) {
  if (&inode.record != &record) inode.record = record;
  ++inode.record.change;
  store_uncounted(inode, inode.record);
}

void InodeTable::store_uncounted(Inode& inode, const InodeRecord& record) {
  if (&inode.record != &record) inode.record = record;
  inode.atime_pending = false;
  inode.changed_in = volume_.open_segment();
  volume_.put(format::inode_key(inode.ino), format::encode(inode.record));
}

void InodeTable::erase(Inode& inode) {
  CHECK(inode.pins > 0);
  volume_.erase(format::inode_key(inode.ino));
  inode.gone = true;
  inode.atime_pending = false;
}

Seq InodeTable::changed_in(Ino ino) const {
  auto found = index_.find(ino);
  return found != index_.end() ? found->second->changed_in : evicted_changed_in_;
}

void InodeTable::touch_atime(Inode& inode, TimeNs now) {
  inode.record.atime = now;
  if (std::exchange(inode.atime_pending, true)) return;
  pending_atimes_.push_back(inode.ino);
  if (pending_atimes_.size() <= kPendingAtimesMax) return;
  auto oldest = index_.find(pending_atimes_.front());
  pending_atimes_.pop_front();
  if (oldest != index_.end()) oldest->second->atime_pending = false;
}

void InodeTable::put_pending_atimes(std::size_t count_max) {
  for (; count_max > 0 && !pending_atimes_.empty(); --count_max) {
    auto found = index_.find(pending_atimes_.front());
    pending_atimes_.pop_front();
    if (found == index_.end() || !found->second->atime_pending) continue;
    found->second->atime_pending = false;
    volume_.put(format::inode_key(found->first), format::encode(found->second->record));
  }
}

void InodeTable::close(Ino ino) {
  auto use = uses_.find(ino);
  CHECK(use != uses_.end() && use->second.opens > 0);
  --use->second.opens;
  end_use_if_unused(use);
}

void InodeTable::forget(Ino ino, std::uint64_t lookups) {
  auto use = uses_.find(ino);
  if (use == uses_.end()) return;
  // A door that forgets more than it remembered harms itself only as far as this inode goes.
  use->second.lookups -= std::min(use->second.lookups, lookups);
  end_use_if_unused(use);
}

void InodeTable::end_use_if_unused(std::unordered_map<Ino, Use>::iterator use) {
  if (use->second.opens != 0 || use->second.lookups != 0) return;
  const Ino ino = use->first;
  const bool orphan = use->second.orphan;
  uses_.erase(use);
  if (orphan && on_unused_) on_unused_(ino);
}

void InodeTable::set_orphan(Ino ino, bool orphan) {
  auto use = uses_.find(ino);
  if (use == uses_.end()) return;
  use->second.orphan = orphan;
  if (!orphan) use->second.linkable = false;  // it has got its name
}

bool InodeTable::linkable(Ino ino) const {
  auto use = uses_.find(ino);
  return use != uses_.end() && use->second.linkable;
}

void InodeTable::unpin(Inode& inode) {
  CHECK(inode.pins > 0);
  if (--inode.pins > 0 || !inode.gone) return;
  drop(index_.at(inode.ino));
}

void InodeTable::evict() {
  // A few steps only: what is pinned or pending goes to the front and is looked at again later.
  for (int steps = 0; entries_.size() > loaded_max_ && steps < 8; ++steps) {
    auto oldest = std::prev(entries_.end());
    if (oldest->pins > 0 || oldest->atime_pending) {
      entries_.splice(entries_.begin(), entries_, oldest);
    } else {
      drop(oldest);
    }
  }
}

void InodeTable::drop(Entries::iterator entry) {
  if (!entry->gone) evicted_changed_in_ = std::max(evicted_changed_in_, entry->changed_in);
  index_.erase(entry->ino);
  entries_.erase(entry);
}

}  // namespace cairn::vfs
