#include "fsd/vfs/read_stream.h"

namespace cairn::vfs {

void ReadStream::on_read(FileData& data, Ino ino, std::uint64_t size, std::uint64_t offset,
                         std::uint64_t length) {
  const auto ask = ahead_.on_read(offset, length, size, data.prefetch_bytes_max());
  if (!ask) return;
  const auto taken = data.prefetch(ino, size, ask->offset, ask->length);
  if (taken && *taken < ask->length) ahead_.on_refused(*ask, *taken);
}

}  // namespace cairn::vfs
