#include "fsd/engine/checkpointer.h"

#include <algorithm>
#include <set>

#include "fsd/base/log.h"
#include "fsd/engine/fenced.h"
#include "fsd/engine/index_loader.h"
#include "fsd/engine/limits.h"
#include "fsd/engine/protocol_rules.h"
#include "fsd/engine/volume.h"
#include "fsd/format/names.h"
#include "fsd/format/table.h"
#include "fsd/object_store/key_rules.h"

namespace cairn::engine {

using format::TableKind;

/// A checkpoint in the making.
struct Checkpointer::Work {
  std::unique_ptr<index::Snapshot> snapshot;
  format::Position at;
  TableKind kind = TableKind::kDelta;
  std::string keys;                       // for a delta: what changed
  std::vector<std::string_view> ordered;  // views of it, ascending, each once
  std::size_t next_key = 0;               // for a delta: where the next table begins
  std::string next_from;                  // for a base: the same
  bool done = false;
  std::vector<format::TableInfo> tables;
};

namespace {

/// The next table object, or nothing when the work is done. On the pool.
Result<std::optional<format::FinishedTable>> next_delta(index::Snapshot& snapshot,
                                                        format::TableWriter writer,
                                                        const std::vector<std::string_view>& keys,
                                                        std::size_t& next) {
  using Made = std::optional<format::FinishedTable>;
  while (next < keys.size() && writer.bytes_so_far() < kTableBytes) {
    TRY(auto value, snapshot.find(keys[next]));
    writer.add(keys[next], value);
    ++next;
  }
  if (writer.entries() == 0) return Made();
  return Made(std::move(writer).finish());
}

Result<std::optional<format::FinishedTable>> next_base(index::Snapshot& snapshot,
                                                       format::TableWriter writer,
                                                       std::string& from, bool& done) {
  using Made = std::optional<format::FinishedTable>;
  done = true;
  TRY_OK(snapshot.scan(from, {}, [&](std::string_view key, std::string_view value) {
    if (writer.bytes_so_far() >= kTableBytes) {
      from.assign(key);
      done = false;
      return false;
    }
    writer.add(key, value);
    return true;
  }));
  if (writer.entries() == 0) return Made();
  return Made(std::move(writer).finish());
}

void order_keys(const std::string& keys, std::vector<std::string_view>& ordered) {
  for_each_key(keys, [&](std::string_view key) { ordered.push_back(key); });
  std::sort(ordered.begin(), ordered.end());
  ordered.erase(std::unique(ordered.begin(), ordered.end()), ordered.end());
}

}  // namespace

std::vector<std::string> Checkpointer::names_of(const Work& work) {
  std::vector<std::string> names;
  for (const format::TableInfo& table : work.tables) names.push_back(table.name);
  return names;
}

Checkpointer::Checkpointer(LogAccess access, LogReader& reader, IndexFeeder& feeder,
                           format::Compression compression, Events events)
    : access_(std::move(access)),
      reader_(reader),
      feeder_(feeder),
      compression_(compression),
      events_(std::move(events)),
      client_(access_.store, access_.sealer, access_.parameters.identity, access_.runtime.random) {}

void Checkpointer::start(StoredManifest manifest, format::Position index_at) {
  manifest_ = std::move(manifest);
  generation_ = manifest_.manifest.generation;
  keys_known_from_ = index_at;
}

bool Checkpointer::deltas_have_grown(std::size_t next_delta_bytes) const {
  std::uint64_t base = 0;
  std::uint64_t delta = next_delta_bytes / 4;
  std::size_t deltas = 0;
  for (const format::TableInfo& table : manifest_.manifest.tables) {
    if (table.kind == TableKind::kBase) {
      base += table.bytes;
    } else {
      delta += table.bytes;
      ++deltas;
    }
  }
  return delta > base || deltas >= kDeltaTablesMax;
}

// After a start, the index already holds changes that the tables do not: their keys are read back
// from the log, which is still there, since the checkpoint did not move past it.
Task<Result<std::string>> Checkpointer::earlier_keys() {
  std::string keys;
  format::Position at = checkpoint();
  while (at.next_seq < keys_known_from_.next_seq) {
    CO_TRY(auto run, co_await reader_.read_run(at, kReplayParallel));
    CO_TRY(const bool ours, co_await look());
    if (!ours) co_return fenced();
    if (run.broken) co_return *run.broken;
    if (run.segments.empty()) {
      co_return Error(EngineErrc::kLost, "an object of the log is missing",
                      format::log_name(at.next_seq));
    }
    for (const auto& segment : run.segments) {
      const ChangeSet changes = changes_of(segment);
      for (const auto& change : changes.entries()) append_key(keys, change.key);
    }
    at = run.end;
  }
  co_return keys;
}

Task<Result<void>> Checkpointer::run() {
  if (keys_known_from_.next_seq > checkpoint().next_seq && keys_kept_.empty()) {
    CO_TRY(keys_kept_, co_await earlier_keys());
    keys_known_from_ = checkpoint();
  }
  const bool paused = co_await feeder_.pause();
  if (!paused) co_return Error(EngineErrc::kStopped, "stopping");
  auto work = std::make_shared<Work>();
  work->at = feeder_.applied();
  work->keys = std::exchange(keys_kept_, {}) + feeder_.take_changed_keys();
  index::Index& index = access_.index;
  auto take = [&index] { return index.snapshot(); };
  auto snapshot = co_await RunOn(access_.runtime.indexing, access_.runtime.core, take);
  feeder_.resume();
  Result<void> done;
  if (!snapshot) {
    done = snapshot.error();
  } else {
    work->snapshot = std::move(*snapshot);
    if (deltas_have_grown(work->keys.size())) work->kind = TableKind::kBase;
    done = co_await write_tables(work);
    work->snapshot.reset();
    if (done) done = co_await publish(work);
  }
  // Not come about: the keys count for the next one.
  if (!done) keys_kept_.append(work->keys);
  co_return done;
}

Task<Result<void>> Checkpointer::write_tables(std::shared_ptr<Work> work) {
  const Epoch epoch = manifest_.manifest.epoch;
  if (work->kind == TableKind::kDelta) {
    auto order = [work] {
      order_keys(work->keys, work->ordered);
      return true;
    };
    co_await RunOn(access_.runtime.pool, access_.runtime.core, order);
  }
  for (;;) {
    const std::uint64_t number = next_table_++;
    format::TableWriter writer(access_.sealer,
                               {.identity = access_.parameters.identity,
                                .epoch = epoch,
                                .nonce = manifest_.manifest.nonce,
                                .number = number,
                                .id = format::SegmentId::random(access_.runtime.random),
                                .kind = work->kind},
                               compression_);
    auto make = [work, &writer]() -> Result<std::optional<format::FinishedTable>> {
      if (work->kind == TableKind::kBase) {
        return next_base(*work->snapshot, std::move(writer), work->next_from, work->done);
      }
      auto made = next_delta(*work->snapshot, std::move(writer), work->ordered, work->next_key);
      work->done = work->next_key == work->ordered.size();
      return made;
    };
    auto made = co_await RunOn(access_.runtime.pool, access_.runtime.core, make);
    if (!made) co_return made.error();
    if (*made) CO_TRY_OK(co_await put_table(work, std::move(**made), number));
    if (work->done) co_return Result<void>();
  }
}

Task<Result<void>> Checkpointer::put_table(std::shared_ptr<Work> work, format::FinishedTable table,
                                           std::uint64_t number) {
  const std::string name = format::table_name(manifest_.manifest.epoch, number, work->kind);
  work->tables.push_back({.name = name,
                          .bytes = table.object.size(),
                          .entries = table.entries,
                          .first_key = std::move(table.first_key),
                          .last_key = std::move(table.last_key),
                          .kind = work->kind});
  const SharedBytes body = SharedBytes::from(std::move(table.object));
  auto put = co_await access_.store.put(name, body, {});
  if (!put) co_return put.error();
  co_return Result<void>();
}

Task<Result<void>> Checkpointer::publish(std::shared_ptr<Work> work) {
  format::Manifest wanted = manifest_.manifest;
  std::vector<std::string> replaced;
  if (work->kind == TableKind::kBase) {
    for (const auto& table : wanted.tables) replaced.push_back(table.name);
    wanted.tables = work->tables;
  } else {
    wanted.tables.insert(wanted.tables.end(), work->tables.begin(), work->tables.end());
  }
  wanted.checkpoint = work->at;
  // Never the same twice: a try whose outcome stayed unknown may still arrive, and must not be
  // taken for a later one.
  if (rule(Rule::kGeneration)) wanted.generation = ++generation_;
  if (!rule(Rule::kRemoveAfter)) co_await remove_tables(replaced);
  auto outcome = co_await client_.replace(manifest_, std::move(wanted));
  if (!outcome) {
    if (!rule(Rule::kNoAbandoning)) co_await remove_tables(names_of(*work));
    // Unknown: a table of a manifest that may yet appear must stay, and so must what it replaces.
    co_return outcome.error();
  }
  if (!*outcome) {
    auto refused = co_await on_refused(work);
    co_return refused;
  }
  manifest_ = std::move(**outcome);
  keys_known_from_ = checkpoint();
  co_await remove_tables(std::move(replaced));
  co_return Result<void>();
}

// Another writer has the manifest now, or a try of our own that was given up has arrived late. Then
// the next checkpoint goes on from there: the keys that this one wrote are kept for it.
Task<Result<void>> Checkpointer::on_refused(std::shared_ptr<Work> work) {
  CO_TRY(StoredManifest now, co_await client_.get());
  if (is_ours(now)) {
    manifest_ = std::move(now);
    co_return Error(object_store::StoreErrc::kConflict, "an earlier checkpoint arrived late");
  }
  if (!rule(Rule::kNoCleaning)) co_await remove_tables(names_of(*work));
  events_.on_failed(fenced());
  co_return fenced();
}

Task<> Checkpointer::remove_tables(std::vector<std::string> names) {
  for (const std::string& name : names) {
    auto removed = co_await access_.store.remove(name);
    if (!removed)
      log::warn("{} is no longer needed but stays: {}", name, removed.error().message());
  }
}

bool Checkpointer::is_ours(const StoredManifest& now) const {
  return now.manifest.epoch == manifest_.manifest.epoch &&
         (now.manifest.nonce == manifest_.manifest.nonce || !rule(Rule::kNonce));
}

Task<Result<bool>> Checkpointer::look() {
  CO_TRY(StoredManifest now, co_await client_.get());
  co_return is_ours(now);
}

Task<Result<void>> Checkpointer::sweep() {
  std::set<std::string> named;
  for (const auto& table : manifest_.manifest.tables) named.insert(table.name);
  std::vector<std::string> orphans;
  std::string after;
  for (;;) {
    CO_TRY(auto page, co_await access_.store.list(std::string(format::kTablePrefix), after,
                                                  object_store::kListLimitMax));
    for (const auto& object : page.objects) {
      after = object.key;
      auto name = format::parse_object_name(object.key);
      const bool earlier = name && name->kind == format::ObjectName::Kind::kTable &&
                           (name->epoch < manifest_.manifest.epoch || !rule(Rule::kSweepEarlier));
      if (earlier && !named.contains(object.key)) orphans.push_back(object.key);
    }
    if (!page.more || page.objects.empty()) break;
  }
  co_await remove_tables(std::move(orphans));
  co_return Result<void>();
}

}  // namespace cairn::engine
