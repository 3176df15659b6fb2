#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "fsd/base/result.h"

namespace cairn::index {

inline constexpr std::size_t kKeyBytesMax = 511;

/// One change of metadata: a key put, or deleted when there is no value.
struct Change {
  std::string_view key;
  std::optional<std::string_view> value;
};

/// Fields of the index that are not metadata: whose it is and how far it goes. Opaque to it but for
/// the comparison that apply() makes.
struct Stamp {
  std::string volume;    // identity of the volume, with its incarnation
  std::string position;  // encoded position in the log: what the index holds is the log up to here
  bool operator==(const Stamp&) const = default;
};

enum class IndexErrc {
  kDamaged = 1,  // to be thrown away and rebuilt
  kFull,         // the local disk is full (ENOSPC)
  kMoved,        // apply() went on from another position than the one stored
  kLocked,       // another process uses this directory
};
const std::error_category& index_category();
std::error_code make_error_code(IndexErrc code);
bool is(const Error& error, IndexErrc code);

/// An unchanging view of the index. Threads: one at a time, any.
class Snapshot {
 public:
  using Visitor = std::function<bool(std::string_view key, std::string_view value)>;
  virtual ~Snapshot() = default;
  virtual Result<std::optional<std::string_view>> find(std::string_view key) = 0;
  /// Keys in [first, end) ascending, until `visit` returns false. An empty `end` means no end.
  virtual Result<void> scan(std::string_view first, std::string_view end, const Visitor& visit) = 0;
  /// The greatest key in [first, key], with its value.
  virtual Result<std::optional<std::pair<std::string_view, std::string_view>>> find_floor(
      std::string_view first, std::string_view key) = 0;
  [[nodiscard]] virtual const Stamp& stamp() const = 0;
  /// Moves on to what was applied last; far cheaper than a new snapshot. If it fails, the snapshot
  /// may only be renewed again or destroyed.
  virtual Result<void> renew() = 0;
  // Views that find, find_floor and scan give out live until renew() or the snapshot's end.
};

/// The metadata as of a position of the log, on local disk: a cache of the log that can be thrown
/// away at any time.
/// Keys have 1 to kKeyBytesMax bytes; changes with others are refused with EINVAL.
/// Lifetime: outlives its snapshots.
/// Threads: writers (apply, clear, load) one thread at a time, the index thread; snapshot() any.
/// Fails with: IndexErrc, else an errno of the local disk. What failed has changed nothing, but for
/// load() and finish_load(): after those, clear() again.
class Index {
 public:
  virtual ~Index() = default;
  virtual Result<std::unique_ptr<Snapshot>> snapshot() = 0;
  /// Makes the changes and moves from position `from` to `to`, atomically and synced to disk.
  /// kMoved if the index does not stand at `from`.
  virtual Result<void> apply(std::span<const Change> changes, const Stamp& from,
                             const Stamp& to) = 0;
  /// Throws everything away and stands nowhere: an empty Stamp.
  virtual Result<void> clear() = 0;
  /// During a rebuild, between clear() and finish_load(): adds changes, fast for ascending keys.
  /// A crash in between leaves an index with an empty Stamp.
  virtual Result<void> load(std::span<const Change> changes) = 0;
  virtual Result<void> finish_load(const Stamp& stamp) = 0;
  /// Bytes on disk, for status.
  [[nodiscard]] virtual std::uint64_t disk_bytes() const = 0;
};

}  // namespace cairn::index

template <>
struct std::is_error_code_enum<cairn::index::IndexErrc> : std::true_type {};
