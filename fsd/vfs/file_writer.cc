#include "fsd/vfs/file_writer.h"

#include <algorithm>
#include <utility>

#include "fsd/vfs/types.h"
#include "fsd/vfs/zero_runs.h"

// A write looks up once what its range meets, and then only changes things, so that an error leaves
// nothing half done. It sweeps over its bytes in runs of data and of whole zero pages, and at the
// same time over the old extents, both ascending:
//
//  - zeros: what data there is is cut out; holes stay holes and preallocated room stays so;
//  - data over an extent that is still in the open segment and belongs to this file alone: the
//    bytes are replaced in place, no key changes;
//  - other data: everything between two such extents is cut out of the old ones and appended to the
//    open segment, as one extent, which continues the one before it if that ends there in the file
//    and in the segment.
//
// So nothing is ever read in order to be written, an old extent is cut at most once per run, and a
// file written from front to back in small pieces is one extent per segment.

namespace cairn::vfs {

/// A write on its way through the old extents.
struct FileWriter::Sweep {
  Ino ino;
  std::uint64_t& blocks;
  const TrimTable::Spans* stale;
  std::vector<Extent> old;       // the extents in its range; cut ones are replaced by what is left
  std::size_t next = 0;          // those before it are behind us
  std::optional<Extent> before;  // where new data may be added on

  [[nodiscard]] bool is_stale(const Extent& extent) const {
    return TrimTable::covers(stale, extent.offset);
  }
  /// Calls `visit` for the old extents from `next` on that overlap the span, and moves `next` past
  /// those that end in it. `visit` returns what is left of the extent.
  template <class Visit>
  void pass(Span span, Visit visit) {
    for (std::size_t i = next; i < old.size() && old[i].offset < span.end; ++i) {
      if (old[i].end() > span.begin) {
        if (std::optional<Extent> left = visit(old[i])) old[i] = *left;
      }
      if (old[i].end() > span.end) break;
      next = i + 1;
    }
  }
};

Result<void> FileWriter::write(Ino ino, format::InodeRecord& inode, std::uint64_t offset,
                               ByteView bytes) {
  if (bytes.empty()) return {};
  if (offset > kFileBytesMax || bytes.size() > kFileBytesMax - offset) {
    return errno_error(EFBIG, "past the largest file size");
  }
  const std::uint64_t end = offset + bytes.size();
  TRY(const TrimTable::Spans* stale, trims_.find(ino));
  TRY(ExtentMap::Overlap overlap, extents_.overlap(ino, {offset, end}));

  Sweep sweep{ino, inode.blocks, stale, std::move(overlap.inside), 0, overlap.before};
  if (sweep.before && sweep.is_stale(*sweep.before)) sweep.before.reset();
  for (Run run{0, 0}; run.end < bytes.size();) {
    run = next_run(offset, bytes, run.end);
    const Span span{offset + run.begin, offset + run.end};
    if (run.zero) {
      write_zeros(sweep, span);
    } else {
      write_data(sweep, span, bytes.subspan(run.begin, span.length()));
    }
  }
  if (stale != nullptr) trims_.remove(ino, {offset, end});
  inode.size = std::max(inode.size, end);
  return {};
}

void FileWriter::write_zeros(Sweep& sweep, Span span) {
  sweep.pass(span, [&](const Extent& extent) -> std::optional<Extent> {
    if (extent.preallocated() && !sweep.is_stale(extent)) return std::nullopt;
    return extents_.cut(sweep.ino, extent, span, sweep.blocks);
  });
  sweep.before.reset();
}

void FileWriter::write_data(Sweep& sweep, Span span, ByteView bytes) {
  Span fresh{span.begin, span.begin};  // not in place; its end moves on
  auto slice = [&](Span part) { return bytes.subspan(part.begin - span.begin, part.length()); };
  for (std::size_t i = sweep.next; i < sweep.old.size() && sweep.old[i].offset < span.end; ++i) {
    const Extent extent = sweep.old[i];
    const Span part{std::max(extent.offset, span.begin), std::min(extent.end(), span.end)};
    if (part.empty() || extent.preallocated() || extent.record.shared || sweep.is_stale(extent) ||
        !volume_.overwrite(extent.at(part.begin), slice(part))) {
      continue;
    }
    fresh.end = part.begin;
    append(sweep, fresh, slice(fresh));
    sweep.before = extent;
    fresh.begin = part.end;
  }
  fresh.end = span.end;
  append(sweep, fresh, slice(fresh));
}

void FileWriter::append(Sweep& sweep, Span span, ByteView bytes) {
  if (span.empty()) return;
  sweep.pass(span, [&](const Extent& extent) {
    return extents_.cut(sweep.ino, extent, span, sweep.blocks);
  });
  const engine::DataRef ref = volume_.append(bytes);
  const Extent extent{span.begin, {span.length(), ref.segment, ref.offset, false}};
  sweep.before = extents_.add(sweep.ino, sweep.before, extent, sweep.blocks);
}

}  // namespace cairn::vfs
