#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "fsd/frontends/web/limits.h"

namespace cairn::web {

/// What can be told to end.
class Connection {
 public:
  virtual ~Connection() = default;
  /// Threads: any.
  virtual void stop() = 0;
};

/// The connections that are open: counts them, and ends them all.
/// Lifetime: shared with its slots.   Threads: any.
class ConnectionTable : public std::enable_shared_from_this<ConnectionTable> {
 public:
  /// A connection's place, until it goes. Who has one may pass it on to another connection.
  class Slot {
   public:
    Slot(std::shared_ptr<ConnectionTable> table, std::uint64_t number)
        : table_(std::move(table)), number_(number) {}
    Slot(Slot&&) noexcept = default;
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (table_) table_->leave(number_);
    }
    /// From now on, `connection` is what has this place.
    void is_of(const std::shared_ptr<Connection>& connection) { table_->keep(number_, connection); }

   private:
    std::shared_ptr<ConnectionTable> table_;
    std::uint64_t number_;
  };

  explicit ConnectionTable(const Limits& limits)
      : connections_max_(limits.connections_max), per_peer_max_(limits.connections_per_peer_max) {}

  /// None: there are too many already, of this peer or at all, or all are being stopped.
  std::optional<Slot> enter(const std::string& peer_key);
  /// Lets nobody in any more, tells all to end, and waits until they have.
  void stop();
  [[nodiscard]] std::size_t size() const;

 private:
  struct Place {
    std::weak_ptr<Connection> connection;
    std::string peer_key;
  };
  void keep(std::uint64_t number, const std::shared_ptr<Connection>& connection);
  void leave(std::uint64_t number);

  const std::size_t connections_max_;
  const std::size_t per_peer_max_;
  mutable std::mutex mutex_;
  std::condition_variable left_;
  std::unordered_map<std::uint64_t, Place> places_;  // guarded by mutex_
  std::map<std::string, std::size_t> of_peer_;       // guarded by mutex_
  std::uint64_t last_number_ = 0;                    // guarded by mutex_
  bool stopping_ = false;                            // guarded by mutex_
};

}  // namespace cairn::web
