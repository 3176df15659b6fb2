#include "fsd/vfs/read_stream.h"

namespace cairn::vfs {

void ReadStream::on_read(FileData& data, Ino ino, std::uint64_t size, std::uint64_t offset,
                         std::uint64_t length) {
  const std::uint64_t together = data.prefetch_bytes_max();
  ReadAheadShares& shares = data.read_ahead_shares();
  const auto ask = ahead_.on_read(offset, length, size, shares.share_of(together));
  if (!ask) return;
  const auto taken = data.prefetch(ino, size, ask->offset, ask->length);
  const bool is_refused = taken && *taken < ask->length;
  if (is_refused) ahead_.on_refused(*ask, *taken);
  const bool is_last = !is_refused && ask->offset + ask->length >= size;
  shares.on_ask(reader_, taken ? *taken : 0, is_last, together);
}

}  // namespace cairn::vfs
