#include "fsd/frontends/fuse/lock_waits.h"

#include <algorithm>

namespace cairn::fuse {

bool LockWaits::begin(std::uint64_t unique, std::size_t lane) {
  std::lock_guard lock(mutex_);
  lane %= waiting_.size();
  if (waiting_[lane] >= per_lane_max_) return false;
  ++waiting_[lane];
  auto early = std::find(early_.begin(), early_.end(), unique);
  waits_[unique] = Wait{lane, closing_ || early != early_.end()};
  if (early != early_.end()) early_.erase(early);
  return true;
}

bool LockWaits::interrupted(std::uint64_t unique) const {
  std::lock_guard lock(mutex_);
  auto found = waits_.find(unique);
  return found != waits_.end() && found->second.interrupted;
}

void LockWaits::end(std::uint64_t unique) {
  std::lock_guard lock(mutex_);
  auto found = waits_.find(unique);
  if (found == waits_.end()) return;
  --waiting_[found->second.lane];
  waits_.erase(found);
}

bool LockWaits::interrupt(std::uint64_t unique) {
  std::lock_guard lock(mutex_);
  auto found = waits_.find(unique);
  if (found != waits_.end()) {
    found->second.interrupted = true;
    return true;
  }
  early_.push_back(unique);
  if (early_.size() > kEarlyMax) early_.pop_front();
  return false;
}

std::vector<std::uint64_t> LockWaits::interrupt_all() {
  std::lock_guard lock(mutex_);
  closing_ = true;
  std::vector<std::uint64_t> all;
  for (auto& [unique, wait] : waits_) {
    wait.interrupted = true;
    all.push_back(unique);
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace cairn::fuse
