#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/engine/volume.h"
#include "fsd/format/inode_record.h"
#include "fsd/vfs/trim_table.h"

namespace cairn::vfs {

/// An extent record and where in the file it lies.
struct Extent {
  std::uint64_t offset = 0;
  format::ExtentRecord record;

  [[nodiscard]] std::uint64_t end() const { return offset + record.length; }
  [[nodiscard]] bool preallocated() const { return record.segment == Seq{}; }
  /// Where the byte at `file_offset`, which is inside, is stored.
  [[nodiscard]] engine::DataRef at(std::uint64_t file_offset) const {
    return {record.segment, record.data_offset + (file_offset - offset)};
  }
  bool operator==(const Extent&) const = default;
};

/// The extent records of files: looks them up, and changes them together with the engine's
/// reference counts and the reverse records of shared ones. Knows no stale spans: all records are
/// alike here, but for visit_live() and clear().
///
/// Invariants: the extents of a file do not overlap; each that is `shared` has one reverse record
/// (segment, data offset, ino, file offset), and nobody else has; each byte of a segment is
/// referenced as often as extents cover it.
/// Lifetime: the volume and the trim table outlive it.   Threads: core only.
/// Fails with: the engine's errors, FormatErrc::kDamaged.
class ExtentMap {
 public:
  using Visitor = std::function<bool(const Extent& extent)>;

  /// What a range of a file meets.
  struct Overlap {
    std::optional<Extent> before;  // the last one that ends at or before its begin
    std::vector<Extent> inside;    // those that overlap it, ascending
    bool complete = true;          // false: there are more than were asked for
  };

  ExtentMap(engine::Volume& volume, TrimTable& trims) : volume_(volume), trims_(trims) {}

  /// The last extent that begins at or before `offset`.
  Result<std::optional<Extent>> floor(Ino ino, std::uint64_t offset);
  Result<Overlap> overlap(Ino ino, Span span, std::size_t most = SIZE_MAX);
  /// Calls `visit` for the extents that overlap the span and are not stale, ascending, until it
  /// returns false. `visit` must not change the volume.
  Result<void> visit_live(Ino ino, Span span, const Visitor& visit);

  // Changes: of `blocks`, the sum of the file's extents, too.
  /// Takes the bytes that `extent` has inside `span` out of it, and drops their references. What
  /// is left of it behind the span is the result.
  std::optional<Extent> cut(Ino ino, const Extent& extent, Span span, std::uint64_t& blocks);
  /// Cuts the span out of the extents `inside`, which must be all that overlap it, and ends its
  /// being stale.
  void clear(Ino ino, Span span, const std::vector<Extent>& inside, std::uint64_t& blocks);
  /// Parts the extent at `offset`, strictly inside of it.
  void split(Ino ino, const Extent& extent, std::uint64_t offset);
  /// Adds an extent where there is none; its bytes are referenced for it already. It continues
  /// `before` if it can; returns what came out.
  Extent add(Ino ino, const std::optional<Extent>& before, const Extent& extent,
             std::uint64_t& blocks);
  /// Marks it as shared, with its reverse record.
  void share(Ino ino, const Extent& extent);

 private:
  Result<void> visit_from(Ino ino, const std::optional<Extent>& first, Span span,
                          const Visitor& visit);
  void store(Ino ino, const Extent& extent);
  void erase(Ino ino, const Extent& extent);

  engine::Volume& volume_;
  TrimTable& trims_;
};

}  // namespace cairn::vfs
