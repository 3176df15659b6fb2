#pragma once

#include <cstdint>
#include <memory>

#include "fsd/base/id.h"
#include "fsd/vfs/file_data.h"
#include "fsd/vfs/read_ahead.h"
#include "fsd/vfs/read_ahead_shares.h"

namespace cairn::vfs {

/// The read-ahead of one open file: sees its reads and asks the engine for what comes next.
/// Lifetime: as long as its handle; keeps nothing of FileData.   Threads: core only.
class ReadStream {
 public:
  /// To be called before the read itself waits, so that both are on their way together. `length` as
  /// the reader asked for it, `size` the inode's. A failure to look ahead is no failure to read:
  /// whoever reads those bytes will be told.
  void on_read(FileData& data, Ino ino, std::uint64_t size, std::uint64_t offset,
               std::uint64_t length);

 private:
  ReadAhead ahead_;
  std::shared_ptr<ReadAheadShares::Reader> reader_;
};

}  // namespace cairn::vfs
