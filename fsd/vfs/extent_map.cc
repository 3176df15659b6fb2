#include "fsd/vfs/extent_map.h"

#include <algorithm>

#include "fsd/base/check.h"
#include "fsd/format/keys.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {
namespace {

using format::ExtentRecord;
using format::FormatErrc;

constexpr std::string_view kReverseRecord("\1", 1);  // the version; all the rest is in the key

Error damaged() { return Error(FormatErrc::kDamaged, "an extent record is damaged"); }

Result<Extent> decode(std::string_view key, std::string_view value) {
  if (!format::is_key(key, format::KeyKind::kExtent, 2) || key.size() != 17) return damaged();
  TRY(ExtentRecord record, format::decode_extent(value));
  const std::uint64_t offset = format::key_u64(key, 1);
  if (offset > kFileBytesMax - record.length) return damaged();
  return Extent{offset, record};
}

std::string key_of_reverse(Ino ino, const Extent& extent) {
  return format::reverse_key(extent.record.segment, extent.record.data_offset, ino, extent.offset);
}

/// The part of an extent that lies in a span, as an extent.
Extent part(const Extent& extent, Span span) {
  Extent result = extent;
  result.offset = span.begin;
  result.record.length = span.length();
  if (!extent.preallocated()) result.record.data_offset += span.begin - extent.offset;
  return result;
}

bool continues(const Extent& before, const Extent& extent) {
  return before.end() == extent.offset && before.record.segment == extent.record.segment &&
         before.record.shared == extent.record.shared &&
         (extent.preallocated() || before.at(before.end()) == extent.at(extent.offset));
}

}  // namespace

Result<std::optional<Extent>> ExtentMap::floor(Ino ino, std::uint64_t offset) {
  TRY(auto found, volume_.find_floor(format::extent_key(ino, 0), format::extent_key(ino, offset)));
  if (!found) return std::optional<Extent>();
  TRY(Extent extent, decode(found->first, found->second));
  return std::optional<Extent>(extent);
}

/// `first` is the floor of span.begin.
Result<void> ExtentMap::visit_from(Ino ino, const std::optional<Extent>& first, Span span,
                                   const Visitor& visit) {
  std::uint64_t done = span.begin;  // nothing may begin before it: extents do not overlap
  if (first && first->end() > span.begin) {
    if (!visit(*first)) return {};
    done = first->end();
  }
  if (done >= span.end) return {};
  std::optional<Error> error;
  TRY_OK(volume_.scan(format::extent_key(ino, span.begin + 1), format::extent_key(ino, span.end),
                      [&](std::string_view key, std::string_view value) {
                        auto extent = decode(key, value);
                        if (!extent || extent->offset < done) {
                          error = extent ? damaged() : extent.error();
                          return false;
                        }
                        done = extent->end();
                        return visit(*extent);
                      }));
  if (error) return *error;
  return {};
}

Result<ExtentMap::Overlap> ExtentMap::overlap(Ino ino, Span span, std::size_t most) {
  Overlap result;
  TRY(auto first, floor(ino, span.begin));
  if (first && first->end() <= span.begin) result.before = first;
  TRY_OK(visit_from(ino, first, span, [&](const Extent& extent) {
    result.complete = result.inside.size() < most;
    if (result.complete) result.inside.push_back(extent);
    return result.complete;
  }));
  return result;
}

Result<void> ExtentMap::visit_live(Ino ino, Span span, const Visitor& visit) {
  if (span.empty()) return {};
  TRY(const TrimTable::Spans* stale, trims_.find(ino));
  if (stale == nullptr) {
    TRY(auto first, floor(ino, span.begin));
    return visit_from(ino, first, span, visit);
  }
  bool more = true;
  auto visit_more = [&](const Extent& extent) { return more = visit(extent); };
  auto next = stale->upper_bound(span.begin);
  if (next != stale->begin()) span.begin = std::max(span.begin, std::prev(next)->second);
  while (more && !span.empty()) {
    const bool last = next == stale->end() || next->first >= span.end;
    TRY(auto first, floor(ino, span.begin));
    TRY_OK(visit_from(ino, first, {span.begin, last ? span.end : next->first}, visit_more));
    if (last) break;
    span.begin = next->second;
    ++next;
  }
  return {};
}

void ExtentMap::store(Ino ino, const Extent& extent) {
  CHECK(extent.record.length > 0);
  volume_.put(format::extent_key(ino, extent.offset), format::encode(extent.record));
  if (extent.record.shared) volume_.put(key_of_reverse(ino, extent), kReverseRecord);
}

void ExtentMap::erase(Ino ino, const Extent& extent) {
  volume_.erase(format::extent_key(ino, extent.offset));
  if (extent.record.shared) volume_.erase(key_of_reverse(ino, extent));
}

std::optional<Extent> ExtentMap::cut(Ino ino, const Extent& extent, Span span,
                                     std::uint64_t& blocks) {
  span.begin = std::max(span.begin, extent.offset);
  span.end = std::min(span.end, extent.end());
  if (span.empty()) return std::nullopt;
  if (extent.offset < span.begin) {
    store(ino, part(extent, {extent.offset, span.begin}));
  } else {
    erase(ino, extent);
  }
  if (!extent.preallocated()) volume_.drop_reference(extent.at(span.begin), span.length());
  blocks -= std::min(blocks, span.length());
  if (span.end == extent.end()) return std::nullopt;
  const Extent right = part(extent, {span.end, extent.end()});
  store(ino, right);
  return right;
}

void ExtentMap::clear(Ino ino, Span span, const std::vector<Extent>& inside,
                      std::uint64_t& blocks) {
  for (const Extent& extent : inside) cut(ino, extent, span, blocks);
  trims_.remove(ino, span);
}

void ExtentMap::split(Ino ino, const Extent& extent, std::uint64_t offset) {
  CHECK(extent.offset < offset && offset < extent.end());
  store(ino, part(extent, {extent.offset, offset}));
  store(ino, part(extent, {offset, extent.end()}));
}

Extent ExtentMap::add(Ino ino, const std::optional<Extent>& before, const Extent& extent,
                      std::uint64_t& blocks) {
  blocks += extent.record.length;
  Extent result = extent;
  if (before && continues(*before, extent)) {
    result = *before;
    result.record.length += extent.record.length;
  }
  store(ino, result);
  return result;
}

void ExtentMap::share(Ino ino, const Extent& extent) {
  Extent shared = extent;
  shared.record.shared = true;
  store(ino, shared);
}

}  // namespace cairn::vfs
