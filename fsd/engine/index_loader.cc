#include "fsd/engine/index_loader.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "fsd/base/log.h"
#include "fsd/engine/limits.h"
#include "fsd/engine/protocol_rules.h"
#include "fsd/engine/volume.h"
#include "fsd/format/format_error.h"
#include "fsd/format/keys.h"
#include "fsd/format/table.h"
#include "fsd/runtime/await.h"

namespace cairn::engine {
namespace {

using FetchedObject = Result<object_store::Object>;

constexpr std::size_t kLoadBytes = 1U << 20;  // of a table's entries, in one transaction
constexpr std::size_t kTablesAhead = 4;
constexpr std::size_t kTablesPerReport = 16;

/// Is `at` a place in this log? Its last segment must be there, by the same writing.
Task<Result<bool>> is_in_log(LogAccess access, LogReader& reader, format::Position at) {
  const std::uint64_t next = at.next_seq.value();
  // The last segment is the one just before, or an epoch-start with its gap behind it.
  for (const std::uint64_t back : {std::uint64_t{1}, access.parameters.window}) {
    if (next < back) continue;
    auto front = co_await reader.read_front(Seq(next - back));
    if (!front) {
      if (front.error().code.category() == engine_category()) continue;
      co_return front.error();
    }
    if (*front && (*front)->header.id == at.last && position_after((*front)->header) == at) {
      co_return true;
    }
  }
  co_return false;
}

Task<Result<index::Stamp>> read_stamp(LogAccess access) {
  index::Index& index = access.index;
  auto work = [&index]() -> Result<index::Stamp> {
    auto snapshot = index.snapshot();
    if (!snapshot) return snapshot.error();
    return (*snapshot)->stamp();
  };
  co_return co_await RunOn(access.runtime.indexing, access.runtime.core, std::move(work));
}

Result<void> load_table(index::Index& index, ByteView object, const format::Sealer& sealer) {
  // Views that the visitor gets live for its call only, so a bounded run of entries is copied.
  ChangeSet run;
  auto flush = [&]() -> Result<void> {
    TRY_OK(index.load(newest_changes({&run})));
    run = {};
    return {};
  };
  auto read = format::read_table(
      object, sealer,
      [&](std::string_view key, std::optional<std::string_view> value) -> Result<void> {
        run.add(key, value);
        return run.bytes() < kLoadBytes ? Result<void>() : flush();
      });
  if (!read) return read.error();
  return flush();
}

/// Loads a table as it was fetched, on the index thread.
Task<Result<void>> load_fetched(LogAccess access, FetchedObject object) {
  if (!object) co_return object.error();
  auto load = [&] { return load_table(access.index, object->body.view(), access.sealer); };
  co_return co_await RunOn(access.runtime.indexing, access.runtime.core, load);
}

// The log before a checkpoint is gone, so what its tables say is nowhere else in the bucket.
Error without_table(const Error& why, const std::string& name) {
  if (is(why, object_store::StoreErrc::kNotFound)) {
    return Error(EngineErrc::kLost,
                 "a checkpoint table is gone from the bucket: bring this object back from a backup "
                 "or a version, or start where the volume's local index still is",
                 name);
  }
  if (is(why, format::FormatErrc::kDamaged)) {
    return Error(EngineErrc::kDamaged,
                 "a checkpoint table is damaged: bring this object back from a backup or a "
                 "version, or start where the volume's local index still is",
                 name);
  }
  return why;
}

/// One that arrives damaged is asked for once more: the store or the way from it may have erred.
Task<Result<void>> load_or_ask_again(LogAccess access, std::string name, FetchedObject object) {
  auto loaded = co_await load_fetched(access, std::move(object));
  if (!loaded && is(loaded.error(), format::FormatErrc::kDamaged)) {
    log::warn("{} does not match its seals; asking again", name);
    FetchedObject again = co_await access.store.get(name, {});
    loaded = co_await load_fetched(access, std::move(again));
  }
  if (!loaded) co_return without_table(loaded.error(), name);
  co_return loaded;
}

/// Loads the tables in their order, fetching a few ahead of the one that is being loaded.
Task<Result<void>> load_tables(LogAccess access, std::vector<format::TableInfo> tables) {
  Result<void> loaded;
  std::deque<Task<FetchedObject>> fetches;
  for (std::size_t next = 0;;) {
    while (loaded && next < tables.size() && fetches.size() <= kTablesAhead) {
      fetches.push_back(access.store.get(tables[next++].name, {}));
    }
    // Every fetch is awaited, also those that turn out to be of no use.
    if (fetches.empty()) co_return loaded;
    const std::size_t number = next - fetches.size();
    Task<FetchedObject>& first = fetches.front();
    FetchedObject object = co_await first;
    fetches.pop_front();
    if (!loaded) continue;
    loaded = co_await load_or_ask_again(access, tables[number].name, std::move(object));
    if (loaded && (number + 1) % kTablesPerReport == 0) {
      log::info("loading the index: {} of {} tables", number + 1, tables.size());
    }
  }
}

Task<Result<void>> rebuild(LogAccess access, format::Manifest manifest) {
  index::Index& index = access.index;
  auto clear = [&index] { return index.clear(); };
  auto cleared = co_await RunOn(access.runtime.indexing, access.runtime.core, clear);
  if (!cleared) co_return cleared.error();
  CO_TRY_OK(co_await load_tables(access, manifest.tables));
  const index::Stamp stamp{.volume = index_volume(access.parameters.identity),
                           .position = format::encode(manifest.checkpoint)};
  auto finish = [&index, stamp] { return index.finish_load(stamp); };
  co_return co_await RunOn(access.runtime.indexing, access.runtime.core, finish);
}

/// What an epoch-start says without having it in its batch: the gap behind it holds at most what
/// its predecessor still had under way, which is garbage. So whoever comes to delete knows of it,
/// in this epoch or in a later one.
void doom_gap(const format::SegmentHeader& header, ChangeSet& changes) {
  Seq first = header.seq.next();
  if (!rule(Rule::kKeepEpochStart)) first = header.seq;
  const Seq end = std::min(header.next_seq, Seq(header.seq.value() + format::kWindowMax));
  for (Seq seq = first; seq < end; seq = seq.next()) {
    changes.add(format::doomed_key(header.seq, seq), format::kDoomedInGap);
  }
}

}  // namespace

std::string index_volume(const format::VolumeIdentity& identity) {
  return to_hex(identity.volume) + "/" + to_hex(identity.incarnation);
}

ChangeSet changes_of(const format::SegmentFront& front) {
  ChangeSet changes;
  for (const format::BatchEntry& entry : front.batch.entries()) changes.add(entry.key, entry.value);
  if (front.frames.frame_count() > 0) {
    changes.add(format::frames_key(front.header.seq), format::encode(front.frames));
  }
  if (front.header.kind == format::SegmentKind::kEpochStart) doom_gap(front.header, changes);
  return changes;
}

Task<Result<format::Position>> load_index(LogAccess access, LogReader& reader,
                                          format::Manifest manifest, bool& rebuilt) {
  rebuilt = false;
  auto stamp = co_await read_stamp(access);
  std::string reason = "it is damaged";
  if (stamp) {
    reason = "it is empty or belongs to another volume";
    auto at = format::decode_position(stamp->position);
    if (at && stamp->volume == index_volume(access.parameters.identity)) {
      if (*at == manifest.checkpoint) co_return *at;
      reason = "it lies before the start of the log";
      if (at->next_seq >= manifest.checkpoint.next_seq || !rule(Rule::kIndexNotBefore)) {
        CO_TRY(const bool believed, co_await is_in_log(access, reader, *at));
        if (believed || !rule(Rule::kIndexInLog)) co_return *at;
        reason = "the log does not contain the segment that it ends with";
      }
    }
  }
  // Nothing to tell of a volume that has no checkpoint yet.
  if (!manifest.tables.empty()) {
    log::info("the local index is loaded anew from the checkpoint: {}", reason);
  }
  rebuilt = true;
  CO_TRY_OK(co_await rebuild(access, manifest));
  co_return manifest.checkpoint;
}

Task<Result<void>> apply_run(LogAccess access, std::shared_ptr<const LogReader::Run> run,
                             format::Position from) {
  if (run->segments.empty()) co_return Result<void>();
  const std::string volume = index_volume(access.parameters.identity);
  index::Index& index = access.index;
  auto work = [&index, run, from, volume]() -> Result<void> {
    std::vector<ChangeSet> segments;
    for (const auto& segment : run->segments) segments.push_back(changes_of(segment));
    std::vector<const ChangeSet*> sets;
    for (const ChangeSet& changes : segments) sets.push_back(&changes);
    return index.apply(newest_changes(sets), {.volume = volume, .position = format::encode(from)},
                       {.volume = volume, .position = format::encode(run->end)});
  };
  co_return co_await RunOn(access.runtime.indexing, access.runtime.core, std::move(work));
}

}  // namespace cairn::engine
