#include "fsd/engine/index_loader.h"

#include <map>

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
  std::string storage;
  struct Place {
    std::size_t at, key, value;
    bool has_value;
  };
  std::vector<Place> places;
  auto flush = [&]() -> Result<void> {
    std::vector<index::Change> changes;
    changes.reserve(places.size());
    const std::string_view all = storage;
    for (const Place& place : places) {
      index::Change change{.key = all.substr(place.at, place.key), .value = {}};
      if (place.has_value) change.value = all.substr(place.at + place.key, place.value);
      changes.push_back(change);
    }
    TRY_OK(index.load(changes));
    storage.clear();
    places.clear();
    return {};
  };
  auto read = format::read_table(
      object, sealer,
      [&](std::string_view key, std::optional<std::string_view> value) -> Result<void> {
        places.push_back(
            {storage.size(), key.size(), value ? value->size() : 0, value.has_value()});
        storage.append(key);
        if (value) storage.append(*value);
        return storage.size() < (1U << 20) ? Result<void>() : flush();
      });
  if (!read) return read.error();
  return flush();
}

Task<Result<void>> rebuild(LogAccess access, format::Manifest manifest) {
  index::Index& index = access.index;
  auto clear = [&index] { return index.clear(); };
  auto cleared = co_await RunOn(access.runtime.indexing, access.runtime.core, clear);
  if (!cleared) co_return cleared.error();

  // A few tables are fetched ahead of the one that is being loaded; memory stays bounded.
  constexpr std::size_t kAhead = 4;
  using Fetched = Result<object_store::Object>;
  std::map<std::size_t, Task<Fetched>> fetches;
  std::size_t next = 0;
  std::optional<Error> failed;
  for (std::size_t i = 0; i < manifest.tables.size(); ++i) {
    while (!failed && next < manifest.tables.size() && next <= i + kAhead) {
      fetches.emplace(next, access.store.get(manifest.tables[next].name, {}));
      ++next;
    }
    auto at = fetches.find(i);
    if (at == fetches.end()) break;
    Fetched object = co_await at->second;
    fetches.erase(at);
    if (failed) continue;
    if (!object) {
      const bool gone = is(object.error(), object_store::StoreErrc::kNotFound);
      failed = gone ? Error(EngineErrc::kLost, "a checkpoint table is gone from the bucket",
                            manifest.tables[i].name)
                    : object.error();
      continue;
    }
    auto load = [&] { return load_table(index, object->body.view(), access.sealer); };
    auto loaded = co_await RunOn(access.runtime.indexing, access.runtime.core, load);
    if (!loaded) {
      const bool ours = loaded.error().code == make_error_code(format::FormatErrc::kDamaged);
      failed = ours ? Error(EngineErrc::kDamaged, "a checkpoint table is damaged",
                            manifest.tables[i].name)
                    : loaded.error();
    }
    if (i % 16 == 15) {
      log::info("loading the index: {} of {} tables", i + 1, manifest.tables.size());
    }
  }
  if (failed) co_return *failed;
  const index::Stamp stamp{.volume = index_volume(access.parameters.identity),
                           .position = format::encode(manifest.checkpoint)};
  auto finish = [&index, stamp] { return index.finish_load(stamp); };
  co_return co_await RunOn(access.runtime.indexing, access.runtime.core, finish);
}

}  // namespace

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
    // The newest change of a key stands.
    std::map<std::string, std::optional<std::string>, std::less<>> merged;
    for (const auto& segment : run->segments) {
      std::string key;
      std::string value;
      for (const index::Change& change : index_changes(segment, key, value)) {
        merged.insert_or_assign(std::string(change.key), change.value);
      }
    }
    std::vector<index::Change> changes;
    changes.reserve(merged.size());
    for (const auto& [key, value] : merged) changes.push_back({.key = key, .value = value});
    return index.apply(changes, {.volume = volume, .position = format::encode(from)},
                       {.volume = volume, .position = format::encode(run->end)});
  };
  co_return co_await RunOn(access.runtime.indexing, access.runtime.core, std::move(work));
}

}  // namespace cairn::engine
