#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/index_feeder.h"
#include "fsd/engine/log_access.h"
#include "fsd/engine/log_reader.h"
#include "fsd/engine/manifest_client.h"
#include "fsd/format/compression.h"

namespace cairn::engine {

/// Writes the metadata out as table objects and moves the log's start up to there, so that recovery
/// is bounded. A delta table holds what changed since the last checkpoint; when the deltas have
/// grown, new base tables of everything replace them all.
/// Threads: core only.
class Checkpointer {
 public:
  struct Events {
    std::function<void(Error)> on_failed;  // fenced
  };
  Checkpointer(LogAccess access, LogReader& reader, IndexFeeder& feeder,
               format::Compression compression, Events events);

  void start(StoredManifest manifest, format::Position index_at);
  /// The log before this is no longer needed: the manifest says so, surely.
  [[nodiscard]] const format::Position& checkpoint() const { return manifest_.manifest.checkpoint; }
  [[nodiscard]] const StoredManifest& manifest() const { return manifest_; }
  /// One checkpoint of what is durable now. The caller runs one at a time.
  /// Fails with: kFenced, StoreErrc (it may be tried again later), IndexErrc.
  Task<Result<void>> run();
  /// Looks whether the manifest still shows us.
  Task<Result<bool>> look();
  /// Removes table objects that no manifest names, of epochs before ours. At start, once.
  Task<Result<void>> sweep();

 private:
  struct Work;
  Task<Result<std::string>> earlier_keys();
  Task<Result<void>> write_tables(std::shared_ptr<Work> work);
  Task<Result<void>> put_table(std::shared_ptr<Work> work, format::FinishedTable table,
                               std::uint64_t number);
  Task<Result<void>> publish(std::shared_ptr<Work> work);
  Task<Result<void>> on_refused(std::shared_ptr<Work> work);
  static std::vector<std::string> names_of(const Work& work);
  [[nodiscard]] bool is_ours(const StoredManifest& now) const;
  Task<> remove_tables(std::vector<std::string> names);
  [[nodiscard]] bool deltas_have_grown(std::size_t next_delta_bytes) const;

  LogAccess access_;
  LogReader& reader_;
  IndexFeeder& feeder_;
  format::Compression compression_;
  Events events_;
  ManifestClient client_;
  StoredManifest manifest_;
  std::uint64_t generation_ = 0;      // of the last try, whatever became of it
  format::Position keys_known_from_;  // changed keys are known from here on
  std::string keys_kept_;             // of a checkpoint that did not come about
  std::uint64_t next_table_ = 1;
};

}  // namespace cairn::engine
