#pragma once

#include <lmdb.h>

#include <atomic>
#include <functional>
#include <string>

#include "fsd/index/index.h"

namespace cairn::index {

/// A read transaction, and two cursors that live as long as it does: one for find and find_floor,
/// one for scan, whose visitor may look other keys up. A cursor that stays put answers for keys of
/// the page that it is in without going down the tree again. For lmdb_*.cc only.
/// Lifetime: the environment outlives it.   Threads: as Snapshot says.
/// Fails with: IndexErrc::kDamaged, else an errno.
class LmdbSnapshot final : public Snapshot {
 public:
  /// Where it reads, and whom it tells.
  struct Source {
    MDB_env* environment = nullptr;
    MDB_dbi meta = 0;
    MDB_dbi stamp = 0;
    std::string directory;                           // for people
    std::function<void(const char* why)> on_damage;  // a value is not what was written
    std::atomic<std::uint64_t>& count;               // of snapshots that there are
  };
  explicit LmdbSnapshot(Source source) : source_(std::move(source)) { ++source_.count; }
  ~LmdbSnapshot() override;
  LmdbSnapshot(const LmdbSnapshot&) = delete;
  LmdbSnapshot& operator=(const LmdbSnapshot&) = delete;

  /// To be called once, first.
  Result<void> begin();
  Result<void> renew() override;
  Result<std::optional<std::string_view>> find(std::string_view key) override;
  Result<void> scan(std::string_view first, std::string_view end, const Visitor& visit) override;
  Result<std::optional<std::pair<std::string_view, std::string_view>>> find_floor(
      std::string_view first, std::string_view key) override;
  [[nodiscard]] const Stamp& stamp() const override { return stamp_; }

 private:
  Result<void> scan_with(MDB_cursor* cursor, std::string_view first, std::string_view end,
                         const Visitor& visit);
  Result<std::string_view> checked(std::string_view key, const MDB_val& stored) const;
  Result<void> load_stamp();
  [[nodiscard]] Error failed(int rc) const;
  [[nodiscard]] Result<void> ok(int rc) const;

  const Source source_;
  MDB_txn* txn_ = nullptr;
  MDB_cursor* point_ = nullptr;
  MDB_cursor* range_ = nullptr;
  bool scanning_ = false;
  Stamp stamp_;
};

}  // namespace cairn::index
