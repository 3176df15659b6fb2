#pragma once

#include <cstdint>

#include "fsd/base/bytes.h"
#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/engine/volume.h"
#include "fsd/format/inode_record.h"
#include "fsd/vfs/extent_map.h"
#include "fsd/vfs/trim_table.h"

namespace cairn::vfs {

/// Writes bytes to a file: in place where they are not sealed yet, else as new extents over the
/// old. file_writer.cc has the essay.
/// Lifetime: what it is made of outlives it.   Threads: core only.
/// Fails with: EFBIG; the engine's errors, FormatErrc::kDamaged. Nothing has changed then.
class FileWriter {
 public:
  FileWriter(engine::Volume& volume, TrimTable& trims, ExtentMap& extents)
      : volume_(volume), trims_(trims), extents_(extents) {}

  Result<void> write(Ino ino, format::InodeRecord& inode, std::uint64_t offset, ByteView bytes);

 private:
  struct Sweep;
  void write_data(Sweep& sweep, Span span, ByteView bytes);
  void write_zeros(Sweep& sweep, Span span);
  void append(Sweep& sweep, Span span, ByteView bytes);

  engine::Volume& volume_;
  TrimTable& trims_;
  ExtentMap& extents_;
};

}  // namespace cairn::vfs
