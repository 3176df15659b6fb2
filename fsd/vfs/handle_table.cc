#include "fsd/vfs/handle_table.h"

#include <algorithm>

namespace cairn::vfs {

std::vector<HandleId> HandleTable::of_client(std::uint64_t client) const {
  std::vector<HandleId> ids;
  for (const auto& [id, entry] : entries_) {
    if (entry.file.client == client) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());  // closing has effects: in an order that does not vary
  return ids;
}

}  // namespace cairn::vfs
