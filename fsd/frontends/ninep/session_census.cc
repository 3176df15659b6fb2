#include "fsd/frontends/ninep/session_census.h"

#include <algorithm>
#include <utility>

#include "fsd/base/check.h"

namespace cairn::p9 {

void SessionCensus::add(const Id& id, std::string client) {
  const bool fresh = entries_.emplace(id, Entry{.client = std::move(client)}).second;
  CHECK(fresh);
}

void SessionCensus::remove(const Id& id) {
  set_connected(id);
  set_bytes(id, 0);
  entries_.erase(id);
}

void SessionCensus::set_bytes(const Id& id, std::size_t bytes) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  bytes_ += bytes - std::exchange(found->second.bytes, bytes);
}

void SessionCensus::set_detached(const Id& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.detached != 0) return;
  found->second.detached = ++last_detached_;
  detached_.emplace(last_detached_, id);
}

void SessionCensus::set_connected(const Id& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  detached_.erase(std::exchange(found->second.detached, 0));
}

std::size_t SessionCensus::bytes_of(const Id& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? 0 : found->second.bytes;
}

std::size_t SessionCensus::count_of(const std::string& client) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      entries_, [&client](const auto& entry) { return entry.second.client == client; }));
}

std::optional<SessionCensus::Id> SessionCensus::oldest_detached(
    const std::optional<std::string>& client) const {
  for (const auto& [order, id] : detached_) {
    if (!client || entries_.at(id).client == *client) return id;
  }
  return std::nullopt;
}

std::optional<SessionCensus::Id> SessionCensus::largest() const {
  const auto found =
      std::ranges::max_element(entries_, {}, [](const auto& entry) { return entry.second.bytes; });
  if (found == entries_.end()) return std::nullopt;
  return found->first;
}

}  // namespace cairn::p9
