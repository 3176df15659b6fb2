#pragma once

#include <mutex>

#include "fsd/index/index.h"

namespace cairn::index {

/// An Index in memory, for `memory:` volumes, simulation and tests: there it is a "disk" that
/// survives the daemon which uses it.
/// Contents are immutable chunks that versions share, so that a snapshot costs a pointer and an
/// apply() copies only the chunks that it changes.
/// Lifetime: outlives its snapshots and any number of simulated daemons.
/// Threads: as Index says; the seams for tests between operations only.
/// Fails with: as Index says.
class MemoryIndex final : public Index {
 public:
  struct Version;

  MemoryIndex();
  ~MemoryIndex() override;

  Result<std::unique_ptr<Snapshot>> snapshot() override;
  Result<void> apply(std::span<const Change> changes, const Stamp& from, const Stamp& to) override;
  Result<void> clear() override;
  Result<void> load(std::span<const Change> changes) override;
  Result<void> finish_load(const Stamp& stamp) override;
  [[nodiscard]] std::uint64_t disk_bytes() const override;

  /// The power fails: what apply() and finish_load() returned for stays; a load under way leaves
  /// an empty Stamp.
  void crash();
  /// While set, every change fails with kFull and changes nothing.
  void set_full(bool full) { full_ = full; }
  /// While set, whatever is asked fails with kDamaged; clear() mends it.
  void set_damaged(bool damaged) { damaged_ = damaged; }

 private:
  class MemorySnapshot;

  [[nodiscard]] std::shared_ptr<const Version> current() const;
  void become(std::shared_ptr<const Version> version);
  [[nodiscard]] Result<void> check_usable() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const Version> version_;  // guarded by mutex_; never null
  bool loading_ = false;
  bool full_ = false;
  bool damaged_ = false;
};

}  // namespace cairn::index
