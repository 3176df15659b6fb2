#pragma once

#include <cstdint>
#include <functional>

#include "fsd/base/bytes.h"
#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/volume.h"
#include "fsd/runtime/runtime.h"
#include "fsd/vfs/extent_map.h"
#include "fsd/vfs/file_writer.h"
#include "fsd/vfs/range_copier.h"
#include "fsd/vfs/read_ahead_shares.h"
#include "fsd/vfs/trim_table.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

/// The bytes of files, as extents. Knows no names, handles or permissions.
///
/// Everything but read, free_all and finish_trims is synchronous: it belongs to the transaction
/// that the caller began with admit(), and changes extent, trim and reverse keys, and `size`,
/// `blocks` and kInodeShared in the InodeRecord passed, which the caller then stores. An error
/// leaves keys and record as they were.
///
/// Invariant: `blocks` is the sum of the lengths of all the extent records of the file, those that
/// are preallocated and those that wait to be trimmed included.
///
/// Lifetime: outlives its Tasks; the volume outlives it.   Threads: core only.
/// Fails with: EFBIG, EINVAL, ENXIO, EOPNOTSUPP; the engine's errors; FormatErrc::kDamaged (EIO).
class FileData {
 public:
  /// Tells who keeps the inodes that `bytes` of this file's extents are about to be freed in the
  /// background (finish_trims, free_all): take them off `blocks` and store the record, in the
  /// running transaction, without suspending; do nothing if there is no such inode any more. An
  /// error ends the background work before it has changed anything in that transaction.
  using FreedListener = std::function<Result<void>(Ino ino, std::uint64_t bytes)>;

  /// `extents_per_step`: the most extents that one transaction deals with, but for those that the
  /// bytes of one write meet.
  FileData(Runtime& runtime, engine::Volume& volume, FreedListener on_freed,
           std::size_t extents_per_step = kExtentsPerStep);

  /// Fills `into` from `offset`; the number of bytes, short only at `size`, which is the inode's.
  /// Holes are zeros. `into` must stay valid until the Task ends or `cancel` (or null) is set; it
  /// ends at once if all bytes are in memory.
  ///
  /// While it waits for cold bytes, others may write, truncate or punch the same range. Every piece
  /// that is read then shows some moment between call and end, not all of them the same one. What
  /// it refers to stays readable: the engine deletes a segment without references only long after
  /// the last reference went (kReapGrace), so that a read under way never fails for that.
  Task<Result<std::size_t>> read(Ino ino, std::uint64_t size, std::uint64_t offset,
                                 MutableByteView into, const CancelFlag* cancel = nullptr);

  /// All of `bytes` (at most engine::kAdmitBytesMax, and admitted by the caller) at `offset`.
  Result<void> write(Ino ino, InodeRecord& inode, std::uint64_t offset, ByteView bytes);

  /// Sets the size. What lies past it is gone at once for every reader; its extents are freed now
  /// when they are few, else later: see has_pending_trims().
  Result<void> truncate(Ino ino, InodeRecord& inode, std::uint64_t new_size);

  /// fallocate(2) with mode 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE (with or without
  /// KEEP_SIZE), or FALLOC_FL_PUNCH_HOLE with KEEP_SIZE; others EOPNOTSUPP. Preallocation is
  /// bookkeeping: it counts in `blocks`, and promises nothing that a hole does not.
  Result<void> allocate(Ino ino, InodeRecord& inode, int mode, std::uint64_t offset,
                        std::uint64_t length);

  /// SEEK_DATA and SEEK_HOLE; preallocated room is a hole. ENXIO past the end or the last data.
  Result<std::uint64_t> seek(Ino ino, const InodeRecord& inode, std::uint64_t offset, int whence);

  /// Makes `length` bytes at `to_offset` refer to the same stored bytes as those at `from_offset`.
  /// The number of bytes done: short at the end of `from`, and where a transaction would grow too
  /// large (at least one byte is done then). Within one file both references are the same record;
  /// EINVAL if the ranges overlap then.
  Result<std::uint64_t> copy_range(Ino from, InodeRecord& from_inode, std::uint64_t from_offset,
                                   Ino to, InodeRecord& to_inode, std::uint64_t to_offset,
                                   std::uint64_t length);

  /// Frees every extent of a file that nobody can reach any more, in transactions of its own, of
  /// bounded size. Interrupted by a crash, it can be called again.
  Task<Result<void>> free_all(Ino ino);

  /// True if truncate or allocate left extents to be freed: call finish_trims() in the background.
  Result<bool> has_pending_trims();
  /// Frees them, in transactions of its own, of bounded size. Call it once at start as well. A call
  /// while another is under way returns at once (the other goes on with what was added).
  Task<Result<void>> finish_trims();
  /// Lets finish_trims end after its current transaction; the next start goes on with it.
  void stop_trims() { stopping_ = true; }

  /// Tells the engine that these bytes will be read soon. How many of them, from the front, it sees
  /// to; the others may be asked for again in a while.
  Result<std::uint64_t> prefetch(Ino ino, std::uint64_t size, std::uint64_t offset,
                                 std::uint64_t length);
  /// How far ahead of a reader that makes sense.
  [[nodiscard]] std::uint64_t prefetch_bytes_max() const { return volume_.prefetch_bytes_max(); }
  /// Who shares that.
  [[nodiscard]] ReadAheadShares& read_ahead_shares() { return shares_; }

 private:
  enum class Leave : std::uint8_t { kHole, kPreallocated };
  Task<Result<void>> read_pieces(Ino ino, std::uint64_t offset, MutableByteView into,
                                 const CancelFlag* cancel);
  Result<void> remove(Ino ino, InodeRecord& inode, Span span, Leave leave);
  Result<void> fill_holes(Ino ino, InodeRecord& inode, Span span);
  Result<bool> free_some(Ino ino, Span span);
  Task<Result<void>> trim_all();

  Runtime& runtime_;
  engine::Volume& volume_;
  FreedListener on_freed_;
  const std::size_t extents_per_step_;
  TrimTable trims_{volume_};
  ExtentMap extents_{volume_, trims_};
  FileWriter writer_{volume_, trims_, extents_};
  ReadAheadShares shares_;
  RangeCopier copier_{volume_, trims_, extents_, extents_per_step_};
  bool trimming_ = false;
  bool stopping_ = false;
};

}  // namespace cairn::vfs
