#include "fsd/vfs/file_data.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <coroutine>
#include <cstring>
#include <utility>
#include <vector>

namespace cairn::vfs {
namespace {

constexpr std::size_t kReadsAtOnce = 256;  // of one caller
constexpr Span kWholeFile{0, UINT64_MAX};

/// Lets others into the core between two steps of background work.
struct Yield {
  Strand& core;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    core.post([self] { self.resume(); });
  }
  void await_resume() const noexcept {}
};

std::uint64_t sum_of(const std::vector<Extent>& extents) {
  std::uint64_t sum = 0;
  for (const Extent& extent : extents) sum += extent.record.length;
  return sum;
}

void zero(MutableByteView bytes) {
  if (!bytes.empty()) std::memset(bytes.data(), 0, bytes.size());
}

}  // namespace

FileData::FileData(Runtime& runtime, engine::Volume& volume, FreedListener on_freed,
                   std::size_t extents_per_step)
    : runtime_(runtime),
      volume_(volume),
      on_freed_(std::move(on_freed)),
      extents_per_step_(extents_per_step) {}

// Reading.

Task<Result<std::size_t>> FileData::read(Ino ino, std::uint64_t size, std::uint64_t offset,
                                         MutableByteView into, const CancelFlag* cancel) {
  if (offset >= size || into.empty()) co_return std::size_t{0};
  into = into.first(std::min<std::uint64_t>(into.size(), size - offset));
  // The usual case: one extent has it all.
  CO_TRY(const TrimTable::Spans* stale, trims_.find(ino));
  if (stale == nullptr) {
    CO_TRY(const std::optional<Extent> extent, extents_.floor(ino, offset));
    if (extent && extent->end() >= offset + into.size() && !extent->preallocated()) {
      CO_TRY_OK(co_await volume_.read(extent->at(offset), into, cancel));
      co_return into.size();
    }
  }
  CO_TRY_OK(co_await read_pieces(ino, offset, into, cancel));
  co_return into.size();
}

/// All pieces are asked for before the first is waited for, so that cold ones come together; and
/// all are waited for, also after an error, since each has a part of `into` to write to. One that
/// was cancelled ends with an error, so nothing touches `into` after that.
Task<Result<void>> FileData::read_pieces(Ino ino, std::uint64_t offset, MutableByteView into,
                                         const CancelFlag* cancel) {
  const std::uint64_t end = offset + into.size();
  std::vector<std::pair<engine::DataRef, MutableByteView>> pieces;
  std::vector<Task<Result<void>>> reads;
  for (std::uint64_t done = offset; done < end;) {
    const std::uint64_t base = done;
    auto slice = [&](Span part) { return into.subspan(part.begin - offset, part.length()); };
    pieces.clear();
    CO_TRY_OK(extents_.visit_live(ino, {base, end}, [&](const Extent& extent) {
      if (pieces.size() == kReadsAtOnce) return false;
      const Span part{std::max(extent.offset, base), std::min(extent.end(), end)};
      zero(slice({done, part.begin}));
      if (extent.preallocated()) {
        zero(slice(part));
      } else {
        pieces.emplace_back(extent.at(part.begin), slice(part));
      }
      done = part.end;
      return true;
    }));
    if (pieces.size() < kReadsAtOnce) {
      zero(slice({done, end}));
      done = end;
    }
    reads.clear();
    for (const auto& [ref, view] : pieces) reads.push_back(volume_.read(ref, view, cancel));
    Result<void> result;
    for (Task<Result<void>>& task : reads) {
      Result<void> one = co_await task;
      if (!one && result) result = std::move(one);
    }
    if (!result) co_return result;
  }
  co_return Result<void>();
}

Result<std::uint64_t> FileData::prefetch(Ino ino, std::uint64_t size, std::uint64_t offset,
                                         std::uint64_t length) {
  if (offset >= size) return length;
  const Span span{offset, offset + std::min(length, size - offset)};
  engine::DataRef begin;    // what is side by side in the store is one request
  std::uint64_t start = 0;  // of it, in the file
  std::uint64_t count = 0;
  std::size_t extents = 0;
  std::uint64_t seen_to = length;  // from `offset` on
  auto ask = [&] {
    const std::uint64_t taken = count > 0 ? volume_.prefetch(begin, count) : 0;
    if (taken < count) seen_to = start + taken - offset;  // or further, if there are holes in it
    return taken == count;
  };
  bool refused = false;
  TRY_OK(extents_.visit_live(ino, span, [&](const Extent& extent) {
    if (extent.preallocated()) return true;
    const Span part{std::max(extent.offset, span.begin), std::min(extent.end(), span.end)};
    const engine::DataRef at = extent.at(part.begin);
    if (at.segment != begin.segment || at.offset != begin.offset + count) {
      refused = !ask();
      if (refused) return false;
      begin = at;
      start = part.begin;
      count = 0;
    }
    count += part.length();
    if (++extents < extents_per_step_) return true;
    seen_to = part.end - offset;
    return false;
  }));
  if (!refused) ask();
  return seen_to;
}

Result<std::uint64_t> FileData::seek(Ino ino, const InodeRecord& inode, std::uint64_t offset,
                                     int whence) {
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return errno_error(EINVAL, "unknown whence");
  if (offset >= inode.size) return errno_error(ENXIO, "past the end of the file");
  std::uint64_t hole = offset;
  std::optional<std::uint64_t> data;
  TRY_OK(extents_.visit_live(ino, {offset, inode.size}, [&](const Extent& extent) {
    if (whence == SEEK_DATA) {
      if (!extent.preallocated()) data = std::max(extent.offset, offset);
      return !data;
    }
    if (extent.preallocated() || extent.offset > hole) return false;
    hole = extent.end();
    return true;
  }));
  if (whence == SEEK_HOLE) return std::min(hole, inode.size);
  if (!data) return errno_error(ENXIO, "no data from here on");
  return *data;
}

// Changing.

Result<void> FileData::write(Ino ino, InodeRecord& inode, std::uint64_t offset, ByteView bytes) {
  return writer_.write(ino, inode, offset, bytes);
}

Result<void> FileData::truncate(Ino ino, InodeRecord& inode, std::uint64_t new_size) {
  if (new_size > kFileBytesMax) return errno_error(EFBIG, "past the largest file size");
  if (new_size <= inode.size) {
    TRY_OK(remove(ino, inode, {new_size, UINT64_MAX}, Leave::kHole));
  }
  inode.size = new_size;
  return {};
}

Result<void> FileData::allocate(Ino ino, InodeRecord& inode, int mode, std::uint64_t offset,
                                std::uint64_t length) {
  const bool keep_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
  const int what = mode & ~FALLOC_FL_KEEP_SIZE;
  const bool known =
      what == 0 || what == FALLOC_FL_ZERO_RANGE || (what == FALLOC_FL_PUNCH_HOLE && keep_size);
  if (!known) return errno_error(EOPNOTSUPP, "this mode of fallocate is not supported");
  if (length == 0) return errno_error(EINVAL, "nothing to allocate");
  if (offset > kFileBytesMax || length > kFileBytesMax - offset) {
    return errno_error(EFBIG, "past the largest file size");
  }
  const Span span{offset, offset + length};
  if (what == FALLOC_FL_PUNCH_HOLE) {
    return remove(ino, inode, span, Leave::kHole);
  }
  if (what == FALLOC_FL_ZERO_RANGE) {
    TRY_OK(remove(ino, inode, span, Leave::kPreallocated));
  } else {
    TRY_OK(fill_holes(ino, inode, span));
  }
  if (!keep_size) inode.size = std::max(inode.size, span.end);
  return {};
}

/// Makes the span a hole, or preallocated where that can be had in one step.
Result<void> FileData::remove(Ino ino, InodeRecord& inode, Span span, Leave leave) {
  TRY(const TrimTable::Spans* stale, trims_.find(ino));
  TRY(ExtentMap::Overlap overlap, extents_.overlap(ino, span, extents_per_step_));
  if (overlap.complete) {
    std::optional<Extent> before = overlap.before;
    if (before && TrimTable::covers(stale, before->offset)) before.reset();
    extents_.clear(ino, span, overlap.inside, inode.blocks);
    if (leave == Leave::kPreallocated) {
      extents_.add(ino, before, Extent{span.begin, {.length = span.length()}}, inode.blocks);
    }
    return {};
  }
  TRY(const std::optional<Extent> last, extents_.floor(ino, span.end - 1));
  const Extent& first = overlap.inside.front();
  if (first.offset < span.begin) extents_.split(ino, first, span.begin);
  if (last && last->end() > span.end) extents_.split(ino, *last, span.end);
  trims_.add(ino, span);
  return {};
}

/// Where more extents are than one step may deal with, the rest stays holes: nobody can tell but by
/// `blocks`. Stale extents stay, and stay holes.
Result<void> FileData::fill_holes(Ino ino, InodeRecord& inode, Span span) {
  TRY(const TrimTable::Spans* stale, trims_.find(ino));
  TRY(const ExtentMap::Overlap overlap, extents_.overlap(ino, span, extents_per_step_));
  std::optional<Extent> before = overlap.before;
  if (before && TrimTable::covers(stale, before->offset)) before.reset();
  std::vector<std::pair<std::optional<Extent>, Span>> holes;  // each with the extent before it
  std::uint64_t at = span.begin;
  for (const Extent& extent : overlap.inside) {
    if (extent.offset > at) holes.emplace_back(before, Span{at, extent.offset});
    before = TrimTable::covers(stale, extent.offset) ? std::nullopt : std::optional(extent);
    at = extent.end();
  }
  if (overlap.complete && at < span.end) holes.emplace_back(before, Span{at, span.end});
  for (const auto& [neighbour, hole] : holes) {
    trims_.remove(ino, hole);
    extents_.add(ino, neighbour, Extent{hole.begin, {.length = hole.length()}}, inode.blocks);
  }
  return {};
}

Result<std::uint64_t> FileData::copy_range(Ino from, InodeRecord& from_inode,
                                           std::uint64_t from_offset, Ino to, InodeRecord& to_inode,
                                           std::uint64_t to_offset, std::uint64_t length) {
  return copier_.copy({from, from_inode, from_offset}, {to, to_inode, to_offset}, length);
}

// Freeing in the background.

/// One step, in one transaction; true if the span has no extents any more.
Result<bool> FileData::free_some(Ino ino, Span span) {
  TRY_OK(trims_.find(ino));
  TRY(const ExtentMap::Overlap overlap, extents_.overlap(ino, span, extents_per_step_));
  if (!overlap.complete) span.end = overlap.inside.back().end();
  std::uint64_t bytes = sum_of(overlap.inside);
  if (bytes > 0) {
    TRY_OK(on_freed_(ino, bytes));
  }
  extents_.clear(ino, span, overlap.inside, bytes);
  return overlap.complete;
}

Task<Result<void>> FileData::free_all(Ino ino) {
  for (bool first = true;; first = false) {
    if (!first) co_await Yield{runtime_.core};
    CO_TRY_OK(co_await volume_.admit(0));
    CO_TRY(const bool finished, free_some(ino, kWholeFile));
    if (finished) co_return Result<void>();
  }
}

Result<bool> FileData::has_pending_trims() {
  if (volume_.read_only()) return false;
  TRY(const auto stale, trims_.first());
  return stale.has_value();
}

Task<Result<void>> FileData::finish_trims() {
  if (trimming_) co_return Result<void>();
  trimming_ = true;
  Result<void> result = co_await trim_all();
  trimming_ = false;
  co_return result;
}

Task<Result<void>> FileData::trim_all() {
  for (bool first = true; !stopping_; first = false) {
    CO_TRY(const bool pending, has_pending_trims());
    if (!pending) break;
    if (!first) co_await Yield{runtime_.core};
    CO_TRY_OK(co_await volume_.admit(0));
    // Looked up after the waits: others may have written into the span meanwhile.
    CO_TRY(const auto stale, trims_.first());
    if (stale) {
      CO_TRY_OK(free_some(stale->first, stale->second));
    }
  }
  co_return Result<void>();
}

}  // namespace cairn::vfs
