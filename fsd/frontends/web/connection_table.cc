#include "fsd/frontends/web/connection_table.h"

#include <vector>

namespace cairn::web {

std::optional<ConnectionTable::Slot> ConnectionTable::enter(const std::string& peer_key) {
  std::lock_guard lock(mutex_);
  if (stopping_ || places_.size() >= connections_max_) return std::nullopt;
  const auto known = of_peer_.find(peer_key);
  if (known != of_peer_.end() && known->second >= per_peer_max_) return std::nullopt;
  ++of_peer_[peer_key];
  places_.emplace(++last_number_, Place{.connection = {}, .peer_key = peer_key});
  return Slot(shared_from_this(), last_number_);
}

void ConnectionTable::keep(std::uint64_t number, const std::shared_ptr<Connection>& connection) {
  {
    std::lock_guard lock(mutex_);
    places_[number].connection = connection;
    if (!stopping_) return;
  }
  connection->stop();
}

void ConnectionTable::leave(std::uint64_t number) {
  std::lock_guard lock(mutex_);
  const auto found = places_.find(number);
  const auto peer = of_peer_.find(found->second.peer_key);
  if (--peer->second == 0) of_peer_.erase(peer);
  places_.erase(found);
  left_.notify_all();
}

void ConnectionTable::stop() {
  std::vector<std::shared_ptr<Connection>> open;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [number, place] : places_) {
      if (auto connection = place.connection.lock()) open.push_back(std::move(connection));
    }
  }
  for (const auto& connection : open) connection->stop();
  open.clear();  // else they would not end
  std::unique_lock lock(mutex_);
  left_.wait(lock, [this] { return places_.empty(); });
}

std::size_t ConnectionTable::size() const {
  std::lock_guard lock(mutex_);
  return places_.size();
}

}  // namespace cairn::web
