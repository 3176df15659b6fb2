#pragma once

#include <optional>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/format/position.h"
#include "fsd/format/sealer.h"
#include "fsd/format/segment.h"
#include "fsd/object_store/object_store.h"

namespace cairn::engine {

/// Follows the log from a position: each segment says where it goes on.
///
/// What was read is not yet to be believed: a later writer may have deleted a slot, and a sleeper
/// may have written it again. The caller looks at the manifest after the reading, and uses it only
/// if that still shows its epoch.
/// Threads: core only.
class LogReader {
 public:
  LogReader(object_store::ObjectStore& store, format::Sealer sealer,
            format::VolumeIdentity identity)
      : store_(store), sealer_(std::move(sealer)), identity_(identity) {}

  struct Run {
    std::vector<format::SegmentFront> segments;
    format::Position end;        // after the last of them
    bool at_end_of_log = false;  // there is nothing at end.next_seq
    /// What stands at end.next_seq cannot follow: meaningless if the manifest shows that somebody
    /// else has taken over meanwhile, and otherwise the reason not to start.
    std::optional<Error> broken;
  };
  /// Up to `count` segments from `from` on, asked for at the same time.
  /// Fails with: StoreErrc.
  Task<Result<Run>> read_run(format::Position from, std::size_t count);
  /// The front of one segment; nothing if the slot is empty. kDamaged if it cannot be decoded, the
  /// second time either.
  Task<Result<std::optional<format::SegmentFront>>> read_front(Seq seq);
  /// True if anything stands in [first, first + count).
  Task<Result<bool>> anything_in(Seq first, std::uint64_t count);

 private:
  [[nodiscard]] std::optional<Error> cannot_follow(const format::Position& at,
                                                   const format::SegmentHeader& header) const;
  Task<Result<std::optional<format::SegmentFront>>> read_front_once(Seq seq);
  Task<Result<bool>> exists(Seq seq);

  object_store::ObjectStore& store_;
  format::Sealer sealer_;
  format::VolumeIdentity identity_;
};

/// The position right behind a segment.
[[nodiscard]] format::Position position_after(const format::SegmentHeader& header);

}  // namespace cairn::engine
