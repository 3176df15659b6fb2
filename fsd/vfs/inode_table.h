#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <unordered_map>
#include <utility>

#include "fsd/engine/volume.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

/// An inode in memory.
struct Inode {
  Ino ino;
  InodeRecord record;
  Seq changed_in;              // the last segment that changed it; 0 if it is clean
  std::uint32_t pins = 0;      // InodeRefs
  bool atime_pending = false;  // record.atime is newer than the stored one
  bool gone = false;           // erased; freed with the last pin
};

class InodeTable;

/// Keeps an inode loaded. Must not outlive the table.
class InodeRef {
 public:
  InodeRef() = default;
  InodeRef(InodeTable& table, Inode& inode) : table_(&table), inode_(&inode) { ++inode.pins; }
  InodeRef(InodeRef&& other) noexcept
      : table_(other.table_), inode_(std::exchange(other.inode_, nullptr)) {}
  InodeRef& operator=(InodeRef&& other) noexcept {
    std::swap(table_, other.table_);
    std::swap(inode_, other.inode_);
    return *this;
  }
  ~InodeRef();
  Inode& operator*() const { return *inode_; }
  Inode* operator->() const { return inode_; }
  Inode* get() const { return inode_; }
  explicit operator bool() const { return inode_ != nullptr; }

 private:
  InodeTable* table_ = nullptr;
  Inode* inode_ = nullptr;
};

/// Maps inode numbers to loaded inodes, writes changes through to the volume, and counts who may
/// still use an inode by its number.
///
/// The cache is bounded; pinned inodes and those with a pending atime stay. What evicted inodes
/// last changed in is kept as one maximum, so that fsync of an evicted inode syncs a little more
/// than it must, never less.
///
/// A read that updates an atime changes the loaded record only. It reaches the volume with the next
/// transaction of whomever, a few at a time, so that reading alone never makes a commit; at most
/// kPendingAtimesMax wait, then the oldest is dropped (an atime is a hint).
///
/// Lifetime: owned by Vfs, outlives every InodeRef.   Threads: core only.
/// Fails with: ESTALE (no such inode), EIO (damaged record).
class InodeTable {
 public:
  InodeTable(engine::Volume& volume, std::size_t loaded_max)
      : volume_(volume), loaded_max_(loaded_max) {}
  InodeTable(const InodeTable&) = delete;

  Result<InodeRef> get(Ino ino);
  /// A new inode; store() it afterwards.
  InodeRef add(Ino ino, const InodeRecord& record);
  /// Replaces the record and puts it, in the caller's transaction. Counts the change.
  void store(Inode& inode, const InodeRecord& record);
  void store(Inode& inode) { store(inode, inode.record); }
  /// The same for what nobody's operation has changed: the change counter stays.
  void store_uncounted(Inode& inode, const InodeRecord& record);
  /// Deletes the record, in the caller's transaction.
  void erase(Inode& inode);
  /// The segment up to which an fsync of this inode must sync; 0 for none.
  [[nodiscard]] Seq changed_in(Ino ino) const;

  // Reads' lazy atimes.
  void touch_atime(Inode& inode, TimeNs now);
  /// Puts up to `count_max` pending atimes, in the caller's transaction.
  void put_pending_atimes(std::size_t count_max);
  [[nodiscard]] std::size_t pending_atimes() const { return pending_atimes_.size(); }

  // Uses by number: open handles, and lookups that doors remember.
  void open(Ino ino) { ++uses_[ino].opens; }
  void close(Ino ino);
  void remember(Ino ino, std::uint64_t lookups) { uses_[ino].lookups += lookups; }
  void forget(Ino ino, std::uint64_t lookups);
  [[nodiscard]] bool in_use(Ino ino) const { return uses_.contains(ino); }
  /// The inode has no names: `on_unused` is to be called after its last use. Or it has got one, and
  /// is linkable no more.
  void set_orphan(Ino ino, bool orphan);
  /// An unnamed file that may get a name (O_TMPFILE without O_EXCL).
  void set_linkable(Ino ino) { uses_[ino].linkable = true; }
  [[nodiscard]] bool linkable(Ino ino) const;
  void on_unused(std::function<void(Ino)> callback) { on_unused_ = std::move(callback); }

  [[nodiscard]] std::size_t loaded() const { return entries_.size(); }
  static constexpr std::size_t kPendingAtimesMax = 1024;

 private:
  friend class InodeRef;
  using Entries = std::list<Inode>;
  struct Use {
    std::uint64_t lookups = 0;
    std::uint32_t opens = 0;
    bool orphan = false;
    bool linkable = false;
  };
  Inode& insert(Ino ino, const InodeRecord& record);
  void unpin(Inode& inode);
  void evict();
  void drop(Entries::iterator entry);
  void end_use_if_unused(std::unordered_map<Ino, Use>::iterator use);

  engine::Volume& volume_;
  std::size_t loaded_max_;
  Entries entries_;  // most recently used first
  std::unordered_map<Ino, Entries::iterator> index_;
  std::unordered_map<Ino, Use> uses_;
  std::deque<Ino> pending_atimes_;
  std::function<void(Ino)> on_unused_;
  Seq evicted_changed_in_;
};

inline InodeRef::~InodeRef() {
  if (inode_ != nullptr) table_->unpin(*inode_);
}

}  // namespace cairn::vfs
