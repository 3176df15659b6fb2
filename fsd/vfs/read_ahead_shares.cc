#include "fsd/vfs/read_ahead_shares.h"

namespace cairn::vfs {

void ReadAheadShares::on_ask(std::shared_ptr<Reader>& reader, std::uint64_t bytes, bool is_last,
                             std::uint64_t total) {
  asked_ += bytes;
  if (!reader) reader = std::make_shared<Reader>();
  reader->asked_at = asked_;
  std::erase_if(readers_, [&](const std::weak_ptr<Reader>& one) {
    const auto other = one.lock();
    return !other || other == reader || asked_ - other->asked_at > total;
  });
  if (!is_last) readers_.push_back(reader);
}

}  // namespace cairn::vfs
