#include "fsd/engine/frame_tables.h"

namespace cairn::engine {
namespace {

std::uint64_t memory_of(const format::FrameTable& table) {
  constexpr std::uint64_t kNodes = 128;  // list, map, shared_ptr
  return sizeof table + kNodes + table.frames.capacity() * sizeof(format::FrameEntry);
}

}  // namespace

Result<FrameTables::Table> FrameTables::get(Seq segment) {
  if (const auto found = tables_.find(segment); found != tables_.end()) [[likely]] {
    if (found->second != uses_.begin()) uses_.splice(uses_.begin(), uses_, found->second);
    return *found->second;
  }
  TRY(Table table, find_(segment));
  bytes_ += memory_of(*table);
  uses_.push_front(table);
  tables_[segment] = uses_.begin();
  while (bytes_ > bytes_max_ && uses_.size() > 1) {
    bytes_ -= memory_of(*uses_.back());
    tables_.erase(uses_.back()->seq);
    uses_.pop_back();
  }
  return table;
}

}  // namespace cairn::engine
