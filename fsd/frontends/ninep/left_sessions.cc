#include "fsd/frontends/ninep/left_sessions.h"

#include <algorithm>

namespace cairn::p9 {
namespace {

constexpr char kLocks = 'L';
/// One for each daemon that has waited for the client since it was last here.
constexpr char kWaited = 'W';

}  // namespace

std::vector<LeftSessions::Id> LeftSessions::load(std::vector<format::SessionRecord> records) {
  std::vector<Id> given_up;
  for (format::SessionRecord& record : records) {
    const Id id = record.id;
    if (std::ranges::count(record.state, kWaited) >= kWaitsMax) {
      given_up.push_back(id);
      continue;
    }
    record.state += kWaited;
    records_.emplace(id, std::move(record));
  }
  return given_up;
}

const format::SessionRecord* LeftSessions::find(const Id& id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : &found->second;
}

bool LeftSessions::has_locks(const format::SessionRecord& record) {
  return record.state.find(kLocks) != record.state.npos;
}

bool LeftSessions::any_has_locks() const {
  return std::ranges::any_of(records_, [](const auto& one) { return has_locks(one.second); });
}

bool LeftSessions::forget(const Id& id) { return records_.erase(id) > 0 && records_.empty(); }

}  // namespace cairn::p9
