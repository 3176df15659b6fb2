#pragma once

#include <cstdint>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/engine/volume.h"
#include "fsd/format/inode_record.h"
#include "fsd/vfs/extent_map.h"
#include "fsd/vfs/trim_table.h"

namespace cairn::vfs {

/// A range of a file.
struct FileRange {
  Ino ino;
  format::InodeRecord& inode;
  std::uint64_t offset = 0;
};

/// Copies a range of a file by sharing its extents.
/// Lifetime: what it is made of outlives it.   Threads: core only.
/// Fails with: EFBIG, EINVAL; the engine's errors, FormatErrc::kDamaged.
class RangeCopier {
 public:
  RangeCopier(engine::Volume& volume, TrimTable& trims, ExtentMap& extents,
              std::size_t extents_per_step)
      : volume_(volume), trims_(trims), extents_(extents), extents_per_step_(extents_per_step) {}

  Result<std::uint64_t> copy(FileRange from, FileRange to, std::uint64_t length);

 private:
  struct Source;
  Result<Source> gather(Ino ino, Span span);

  engine::Volume& volume_;
  TrimTable& trims_;
  ExtentMap& extents_;
  const std::size_t extents_per_step_;
};

}  // namespace cairn::vfs
