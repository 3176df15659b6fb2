#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/engine/volume.h"

namespace cairn::vfs {

/// Bytes [begin, end) of a file.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t length() const { return end - begin; }
  [[nodiscard]] bool empty() const { return begin >= end; }
  bool operator==(const Span&) const = default;
};

/// Which parts of which files are *stale*: logically holes, while their extents still wait to be
/// freed. A record of key (ino, begin, end) for each stale span; trim_table.cc has the essay.
///
/// Invariants: the spans of a file neither overlap nor touch. An extent lies wholly inside a stale
/// span or wholly outside of all.
/// Lifetime: the volume outlives it.   Threads: core only.
/// Fails with: the engine's errors, FormatErrc::kDamaged.
class TrimTable {
 public:
  /// begin -> end.
  using Spans = std::map<std::uint64_t, std::uint64_t>;

  explicit TrimTable(engine::Volume& volume) : volume_(volume) {}

  /// The stale spans of a file; nullptr (nearly always) if there are none. Valid until the next
  /// call of anything here.
  Result<const Spans*> find(Ino ino);
  /// Some stale span, for who frees them.
  Result<std::optional<std::pair<Ino, Span>>> first();

  // These change the records, in the running transaction; find() of this inode was called in it.
  /// Declares a span stale. No extent straddles its ends.
  void add(Ino ino, Span span);
  /// The span holds no stale extents any more.
  void remove(Ino ino, Span span);

  /// Whether an extent that begins at `offset` is stale.
  [[nodiscard]] static bool covers(const Spans* spans, std::uint64_t offset);

 private:
  Result<void> load();
  void insert(Ino ino, Span span);

  engine::Volume& volume_;
  bool loaded_ = false;
  std::map<Ino, Spans> stale_;  // the records, read once; a follower reads them every time
};

}  // namespace cairn::vfs
