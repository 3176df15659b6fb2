#pragma once

#include <atomic>
#include <shared_mutex>

#include "fsd/base/unique_fd.h"
#include "fsd/index/index.h"

struct MDB_env;

namespace cairn::index {

/// The Index on local disk, in LMDB. The essay in lmdb_index.cc says how it is laid out and why it
/// can be trusted after a crash.
///
/// A directory belongs to one LmdbIndex at a time, in this process or another, by a lock that the
/// kernel lets go of when the process dies.
/// Lifetime: outlives its snapshots.   Threads: as Index says.
/// Fails with: as Index says. Changed bytes of a value are kDamaged, as is most damage to pages;
/// but LMDB trusts its file: bytes changed at random there may also crash the process or hide keys.
/// What was found damaged once is not written to any more, and thrown away at the next start.
class LmdbIndex final : public Index {
 public:
  struct Options {
    std::string directory;                      // made if missing; its parent must exist
    std::uint64_t map_bytes_min = 64ULL << 30;  // address space, not disk; the essay says why
  };
  struct Opened;

  /// kLocked; kDamaged if the directory holds something that is not an index of ours, or a broken
  /// one, or one of another version. A directory without an index gets an empty one.
  static Result<std::unique_ptr<LmdbIndex>> open(Options options);
  /// The same, but throws away what open() calls kDamaged and begins with an empty index.
  static Result<Opened> open_or_recreate(Options options);
  ~LmdbIndex() override;

  Result<std::unique_ptr<Snapshot>> snapshot() override;
  Result<void> apply(std::span<const Change> changes, const Stamp& from, const Stamp& to) override;
  Result<void> clear() override;
  Result<void> load(std::span<const Change> changes) override;
  Result<void> finish_load(const Stamp& stamp) override;
  [[nodiscard]] std::uint64_t disk_bytes() const override;

 private:
  class WriteTransaction;

  LmdbIndex(Options options, UniqueFd lock);
  Result<void> open_environment();
  Result<void> open_databases();
  Result<void> remove_files();
  void close_environment();
  Result<void> drop_contents();
  static void on_assertion(MDB_env* environment, const char* message);
  void set_suspect(const char* why);

  const Options options_;
  const UniqueFd lock_;                  // holds the flock
  std::shared_mutex environment_mutex_;  // shared to begin a snapshot, exclusive to swap the files
  MDB_env* environment_ = nullptr;
  unsigned meta_ = 0;   // MDB_dbi
  unsigned stamp_ = 0;  // MDB_dbi
  bool loading_ = false;
  std::atomic<bool> suspect_{false};  // found damaged while in use
  std::atomic<std::uint64_t> snapshots_{0};
};

struct LmdbIndex::Opened {
  std::unique_ptr<LmdbIndex> index;
  std::optional<Error> thrown_away;  // why there is an empty index where another one was
};

}  // namespace cairn::index
