#include "fsd/vfs/range_copier.h"

#include <algorithm>
#include <vector>

#include "fsd/vfs/types.h"

// A copy refers to the same stored bytes as its original. Both extents are marked `shared`, which
// keeps writers from replacing those bytes in place, and each gets a reverse record, by which all
// who refer to a segment's bytes can be found. The mark is never taken back when the other
// extent goes: it is a permission to be careful, not a count.
//
// What is copied is the *range*: only its bytes are referenced once more, though the original's
// record is marked as a whole. Holes and preallocated room come out as holes.
//
// Within one file the target is cleared first and the source looked up again, since one extent may
// reach into both.

namespace cairn::vfs {

struct RangeCopier::Source {
  std::vector<Extent> extents;  // live, of data
  std::uint64_t end = 0;        // all up to here is in `extents`
};

Result<RangeCopier::Source> RangeCopier::gather(Ino ino, Span span) {
  Source source{{}, span.end};
  TRY_OK(extents_.visit_live(ino, span, [&](const Extent& extent) {
    if (extent.preallocated()) return true;
    if (source.extents.size() == extents_per_step_) {
      source.end = extent.offset;
      return false;
    }
    source.extents.push_back(extent);
    return true;
  }));
  return source;
}

Result<std::uint64_t> RangeCopier::copy(FileRange from, FileRange to, std::uint64_t length) {
  if (from.offset >= from.inode.size) return std::uint64_t{0};
  length = std::min(length, from.inode.size - from.offset);
  if (length == 0) return std::uint64_t{0};
  if (to.offset > kFileBytesMax || length > kFileBytesMax - to.offset) {
    return errno_error(EFBIG, "past the largest file size");
  }
  const bool apart = from.offset + length <= to.offset || to.offset + length <= from.offset;
  if (from.ino == to.ino && !apart) return errno_error(EINVAL, "the ranges overlap");

  // How far one transaction goes.
  TRY(Source source, gather(from.ino, {from.offset, from.offset + length}));
  length = source.end - from.offset;
  TRY(const TrimTable::Spans* stale, trims_.find(to.ino));
  TRY(ExtentMap::Overlap target,
      extents_.overlap(to.ino, {to.offset, to.offset + length}, extents_per_step_));
  if (!target.complete) length = target.inside.back().end() - to.offset;

  const Span span{from.offset, from.offset + length};
  std::optional<Extent> before = target.before;
  if (before && TrimTable::covers(stale, before->offset)) before.reset();
  extents_.clear(to.ino, {to.offset, to.offset + length}, target.inside, to.inode.blocks);
  if (from.ino == to.ino) {
    TRY(source, gather(from.ino, span));
  }
  for (const Extent& extent : source.extents) {
    const Span part{std::max(extent.offset, span.begin), std::min(extent.end(), span.end)};
    if (part.empty()) break;
    if (!extent.record.shared) extents_.share(from.ino, extent);
    const engine::DataRef ref = extent.at(part.begin);
    volume_.add_reference(ref, part.length());
    const Extent copy{to.offset + (part.begin - span.begin),
                      {part.length(), ref.segment, ref.offset, true}};
    before = extents_.add(to.ino, before, copy, to.inode.blocks);
    from.inode.flags |= format::kInodeShared;
    to.inode.flags |= format::kInodeShared;
  }
  to.inode.size = std::max(to.inode.size, to.offset + length);
  return length;
}

}  // namespace cairn::vfs
