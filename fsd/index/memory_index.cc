#include "fsd/index/memory_index.h"

#include <algorithm>

#include "fsd/base/check.h"
#include "fsd/index/changes.h"

// A version is a sorted list of chunks, a chunk a sorted list of at most kChunkEntries entries.
// Both are immutable. apply() walks the sorted changes and the chunks together: a chunk that no
// change falls into is shared with the new version, another one is merged into new chunks. So with
// n keys and c changes a version costs n / kChunkEntries pointers and c chunks.

namespace cairn::index {
namespace {

constexpr std::size_t kChunkEntries = 64;

struct Entry {
  std::string key;
  std::string value;
};
using Chunk = std::vector<Entry>;  // never empty within a version
using Chunks = std::vector<std::shared_ptr<const Chunk>>;
using Changes = std::span<const Change* const>;

/// The place of the first entry with a key that is not less than a given one.
struct Place {
  std::size_t chunk = 0;
  std::size_t entry = 0;
};

Place lower_bound(const Chunks& chunks, std::string_view key) {
  auto chunk =
      std::ranges::partition_point(chunks, [&](const auto& c) { return c->back().key < key; });
  if (chunk == chunks.end()) return {chunks.size(), 0};
  auto entry = std::ranges::partition_point(**chunk, [&](const Entry& e) { return e.key < key; });
  return {static_cast<std::size_t>(chunk - chunks.begin()),
          static_cast<std::size_t>(entry - (*chunk)->begin())};
}

void append_chunks(Chunks& into, Chunk merged) {
  if (merged.empty()) return;
  if (!into.empty() && into.back()->size() + merged.size() <= kChunkEntries / 2) {
    // Neighbours that have shrunk become one, so that deleting does not leave a trail of crumbs.
    merged.insert(merged.begin(), into.back()->begin(), into.back()->end());
    into.pop_back();
  }
  for (std::size_t begin = 0; begin < merged.size(); begin += kChunkEntries) {
    const std::size_t end = std::min(merged.size(), begin + kChunkEntries);
    into.push_back(std::make_shared<const Chunk>(
        std::make_move_iterator(merged.begin() + static_cast<std::ptrdiff_t>(begin)),
        std::make_move_iterator(merged.begin() + static_cast<std::ptrdiff_t>(end))));
  }
}

/// `old` with the changes made; several changes of one key: the last counts.
Chunk merge(const Chunk& old, Changes changes) {
  Chunk merged;
  merged.reserve(old.size() + changes.size());
  auto entry = old.begin();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Change& change = *changes[i];
    if (i + 1 < changes.size() && changes[i + 1]->key == change.key) continue;
    while (entry != old.end() && entry->key < change.key) merged.push_back(*entry++);
    if (entry != old.end() && entry->key == change.key) ++entry;
    if (change.value) merged.push_back({std::string(change.key), std::string(*change.value)});
  }
  merged.insert(merged.end(), entry, old.end());
  return merged;
}

Chunks with_changes(const Chunks& old, Changes changes) {
  Chunks chunks;
  chunks.reserve(old.size() + changes.size() / kChunkEntries + 1);
  static const Chunk kNone;
  if (old.empty()) append_chunks(chunks, merge(kNone, changes));
  for (std::size_t i = 0; i < old.size(); ++i) {
    // A chunk takes the changes before the next one's first key.
    std::size_t count = changes.size();
    if (i + 1 < old.size()) {
      const std::string& next = old[i + 1]->front().key;
      count = static_cast<std::size_t>(
          std::ranges::partition_point(changes, [&](auto* c) { return c->key < next; }) -
          changes.begin());
    }
    if (count == 0) {
      chunks.push_back(old[i]);
    } else {
      append_chunks(chunks, merge(*old[i], changes.first(count)));
      changes = changes.subspan(count);
    }
  }
  return chunks;
}

}  // namespace

struct MemoryIndex::Version {
  Chunks chunks;
  Stamp stamp;
};

class MemoryIndex::MemorySnapshot final : public Snapshot {
 public:
  explicit MemorySnapshot(MemoryIndex& index) : index_(index), version_(index.current()) {}

  Result<std::optional<std::string_view>> find(std::string_view key) override {
    TRY_OK(index_.check_usable());
    const Place place = lower_bound(version_->chunks, key);
    if (place.chunk == version_->chunks.size()) return std::nullopt;
    const Entry& entry = (*version_->chunks[place.chunk])[place.entry];
    if (entry.key != key) return std::nullopt;
    return std::string_view(entry.value);
  }

  Result<void> scan(std::string_view first, std::string_view end, const Visitor& visit) override {
    TRY_OK(index_.check_usable());
    const Chunks& chunks = version_->chunks;
    for (Place at = lower_bound(chunks, first); at.chunk < chunks.size();
         ++at.chunk, at.entry = 0) {
      for (; at.entry < chunks[at.chunk]->size(); ++at.entry) {
        const Entry& entry = (*chunks[at.chunk])[at.entry];
        if (!end.empty() && entry.key >= end) return {};
        if (!visit(entry.key, entry.value)) return {};
      }
    }
    return {};
  }

  Result<std::optional<std::pair<std::string_view, std::string_view>>> find_floor(
      std::string_view first, std::string_view key) override {
    TRY_OK(index_.check_usable());
    const Chunks& chunks = version_->chunks;
    Place at = lower_bound(chunks, key);
    if (at.chunk == chunks.size() || (*chunks[at.chunk])[at.entry].key != key) {
      if (at.chunk == 0 && at.entry == 0) return std::nullopt;
      if (at.entry == 0) {
        --at.chunk;
        at.entry = chunks[at.chunk]->size();
      }
      --at.entry;
    }
    const Entry& entry = (*chunks[at.chunk])[at.entry];
    if (entry.key < first) return std::nullopt;
    return std::pair<std::string_view, std::string_view>(entry.key, entry.value);
  }

  [[nodiscard]] const Stamp& stamp() const override { return version_->stamp; }

  Result<void> renew() override {
    TRY_OK(index_.check_usable());
    version_ = index_.current();
    return {};
  }

 private:
  MemoryIndex& index_;
  std::shared_ptr<const Version> version_;
};

MemoryIndex::MemoryIndex() : version_(std::make_shared<const Version>()) {}
MemoryIndex::~MemoryIndex() = default;

std::shared_ptr<const MemoryIndex::Version> MemoryIndex::current() const {
  std::lock_guard lock(mutex_);
  return version_;
}

void MemoryIndex::become(std::shared_ptr<const Version> version) {
  std::lock_guard lock(mutex_);
  version_ = std::move(version);
}

Result<void> MemoryIndex::check_usable() const {
  if (damaged_) return Error(IndexErrc::kDamaged, "as the test wants it");
  return {};
}

Result<std::unique_ptr<Snapshot>> MemoryIndex::snapshot() {
  TRY_OK(check_usable());
  return std::make_unique<MemorySnapshot>(*this);
}

Result<void> MemoryIndex::apply(std::span<const Change> changes, const Stamp& from,
                                const Stamp& to) {
  CHECK(!loading_);
  TRY_OK(check_usable());
  if (full_) return Error(IndexErrc::kFull, "as the test wants it");
  TRY(const auto sorted, sorted_by_key(changes));
  const auto old = current();
  if (old->stamp != from) return Error(IndexErrc::kMoved, "the index stands elsewhere");
  become(std::make_shared<const Version>(with_changes(old->chunks, sorted), to));
  return {};
}

Result<void> MemoryIndex::clear() {
  if (full_) return Error(IndexErrc::kFull, "as the test wants it");
  become(std::make_shared<const Version>());
  loading_ = true;
  damaged_ = false;
  return {};
}

Result<void> MemoryIndex::load(std::span<const Change> changes) {
  CHECK(loading_);
  TRY_OK(check_usable());
  if (full_) return Error(IndexErrc::kFull, "as the test wants it");
  TRY(const auto sorted, sorted_by_key(changes));
  become(std::make_shared<const Version>(with_changes(current()->chunks, sorted), Stamp{}));
  return {};
}

Result<void> MemoryIndex::finish_load(const Stamp& stamp) {
  CHECK(loading_);
  TRY_OK(check_usable());
  if (full_) return Error(IndexErrc::kFull, "as the test wants it");
  become(std::make_shared<const Version>(current()->chunks, stamp));
  loading_ = false;
  return {};
}

std::uint64_t MemoryIndex::disk_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& chunk : current()->chunks) {
    for (const Entry& entry : *chunk) bytes += entry.key.size() + entry.value.size();
  }
  return bytes;
}

void MemoryIndex::crash() { loading_ = false; }

}  // namespace cairn::index
