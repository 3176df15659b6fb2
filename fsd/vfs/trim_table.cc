#include "fsd/vfs/trim_table.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "fsd/base/check.h"
#include "fsd/format/inode_record.h"
#include "fsd/format/keys.h"

// Cutting a file with a million extents must neither hold the core up nor make a transaction of a
// million keys. So truncate (and a punch) that meets many extents only *declares* the range stale,
// with one record, and leaves the extents to transactions of their own afterwards. For everybody
// else the range is a hole from that moment on.
//
// The trap is the file that grows again before the extents are gone: what is written there must be
// seen, what was there must not, and both are records of the same inode in the same range. "All
// past this offset is stale" cannot say that. A set of spans can, under one rule:
//
//     an extent lies wholly inside a stale span, and is stale, or wholly outside of all, and
//     counts.
//
//  - To declare a span, the extents that straddle its ends are split there first.
//  - To put an extent anywhere, its range is cleared first: *all* extents there go, stale or not,
//    those that straddle its ends are split, and the range leaves the stale set (`remove`), which
//    may part a span in two. That is what an overwrite does in any case, so it costs as much as an
//    overwrite: by the bytes written, never by the bytes that are stale.
//  - A larger size needs nothing at all: what is stale stays a hole.
//  - Readers skip the stale spans; the range between two spans is one scan, as ever.
//
// A span is a key of its own, so that a file rewritten at random while it is being trimmed costs
// one or two keys per write, and no record grows.
//
// The records are few (none, but for seconds after cutting a huge file), so they are kept in memory
// as well, and a file without any costs a look into an empty map. That copy is right because all
// changes go through here; a follower's volume changes by itself, so there they are read each time.

namespace cairn::vfs {
namespace {

using format::KeyBuilder;
using format::KeyKind;

constexpr std::string_view kRecord("\1", 1);  // the version; all the rest is in the key
constexpr std::size_t kKeyBytes = 1 + 3 * 8;

std::string record_key(Ino ino, Span span) {
  return KeyBuilder(KeyKind::kTrim).u64(ino.value()).u64(span.begin).u64(span.end).take();
}

/// Reads the records with keys in [first, end).
Result<void> read_records(engine::Volume& volume, const std::string& first, const std::string& end,
                          std::map<Ino, TrimTable::Spans>& into) {
  bool good = true;
  TRY_OK(volume.scan(first, end, [&](std::string_view key, std::string_view value) {
    good = key.size() == kKeyBytes && value == kRecord;
    if (!good) return false;
    TrimTable::Spans& spans = into[Ino(format::key_u64(key, 0))];
    const Span span{format::key_u64(key, 1), format::key_u64(key, 2)};
    good = !span.empty() && (spans.empty() || spans.rbegin()->second < span.begin);
    if (good) spans.emplace_hint(spans.end(), span.begin, span.end);
    return good;
  }));
  if (!good) return Error(format::FormatErrc::kDamaged, "a trim record is damaged");
  return {};
}

}  // namespace

Result<void> TrimTable::load() {
  if (loaded_ && !volume_.read_only()) return {};
  stale_.clear();
  const std::string end(1, static_cast<char>(static_cast<char>(KeyKind::kTrim) + 1));
  TRY_OK(read_records(volume_, std::string(1, static_cast<char>(KeyKind::kTrim)), end, stale_));
  loaded_ = true;
  return {};
}

Result<const TrimTable::Spans*> TrimTable::find(Ino ino) {
  if (volume_.read_only()) {
    stale_.clear();
    loaded_ = false;
    TRY_OK(read_records(volume_, format::trim_key(ino), format::trim_key(ino.next()), stale_));
  } else {
    TRY_OK(load());
  }
  if (stale_.empty()) return static_cast<const Spans*>(nullptr);
  auto found = stale_.find(ino);
  return found == stale_.end() ? nullptr : &found->second;
}

Result<std::optional<std::pair<Ino, Span>>> TrimTable::first() {
  using Found = std::optional<std::pair<Ino, Span>>;
  TRY_OK(load());
  if (stale_.empty()) return Found();
  const auto& [ino, spans] = *stale_.begin();
  return Found(std::pair(ino, Span{spans.begin()->first, spans.begin()->second}));
}

bool TrimTable::covers(const Spans* spans, std::uint64_t offset) {
  if (spans == nullptr) return false;
  auto after = spans->upper_bound(offset);
  return after != spans->begin() && std::prev(after)->second > offset;
}

void TrimTable::add(Ino ino, Span span) {
  CHECK(loaded_ && !span.empty());
  Spans& spans = stale_[ino];
  auto at = spans.upper_bound(span.begin);
  if (at != spans.begin() && std::prev(at)->second >= span.begin) --at;
  while (at != spans.end() && at->first <= span.end) {
    span.begin = std::min(span.begin, at->first);
    span.end = std::max(span.end, at->second);
    volume_.erase(record_key(ino, {at->first, at->second}));
    at = spans.erase(at);
  }
  insert(ino, span);
}

void TrimTable::remove(Ino ino, Span span) {
  CHECK(loaded_);
  auto found = stale_.find(ino);
  if (found == stale_.end() || span.empty()) return;
  Spans& spans = found->second;
  auto at = spans.upper_bound(span.begin);
  if (at != spans.begin() && std::prev(at)->second > span.begin) --at;
  while (at != spans.end() && at->first < span.end) {
    const Span old{at->first, at->second};
    volume_.erase(record_key(ino, old));
    at = spans.erase(at);
    if (old.begin < span.begin) insert(ino, {old.begin, span.begin});
    if (old.end > span.end) insert(ino, {span.end, old.end});
  }
  if (spans.empty()) stale_.erase(found);
}

void TrimTable::insert(Ino ino, Span span) {
  stale_[ino].emplace(span.begin, span.end);
  volume_.put(record_key(ino, span), kRecord);
}

}  // namespace cairn::vfs
