#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "protocol/resume/frames.h"

namespace cairn::p9 {

/// Who has how many resumable sessions, which of them wait for their client to come back, and what
/// memory each takes: by this it is decided which one has to go.
/// Threads: core only.
class SessionCensus {
 public:
  using Id = resume::SessionId;

  /// A connected one. `client`: whom limits count.
  void add(const Id& id, std::string client);
  void remove(const Id& id);
  // The others do nothing for a session that is not there.
  void set_bytes(const Id& id, std::size_t bytes);
  void set_detached(const Id& id);
  void set_connected(const Id& id);

  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t bytes_of(const Id& id) const;
  [[nodiscard]] std::size_t count_of(const std::string& client) const;
  /// The one whose connection was lost first; of this client's, if one is given.
  [[nodiscard]] std::optional<Id> oldest_detached(
      const std::optional<std::string>& client = std::nullopt) const;
  [[nodiscard]] std::optional<Id> largest() const;

 private:
  struct Entry {
    std::string client;
    std::size_t bytes = 0;
    std::uint64_t detached = 0;  // in which order; 0: it is connected
  };
  std::map<Id, Entry> entries_;
  std::map<std::uint64_t, Id> detached_;
  std::uint64_t last_detached_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace cairn::p9
