#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "fsd/base/clock.h"

namespace cairn::engine {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Bytes of file data in one segment, before compression.
inline constexpr std::size_t kArenaBytesMax = 16U << 20;
/// Bytes of metadata after which a segment is sealed.
inline constexpr std::size_t kBatchBytesMax = 4U << 20;
/// A segment this small is sealed on the spot, in the core; a larger one on the pool.
inline constexpr std::size_t kSealInlineBytesMax = 96U << 10;
/// Segments that somebody waits for which may be under way before callers join the next one.
inline constexpr std::size_t kCommitsInFlightMax = 4;
/// Bulk data is sealed in pieces that take about this long on the link as measured ...
inline constexpr Duration kSealTarget = milliseconds(150);
/// ... and all that is under way takes about this long: what a commit may have to wait behind.
inline constexpr Duration kInFlightTarget = milliseconds(600);
inline constexpr std::size_t kSealBytesMin = 256U << 10;
inline constexpr std::size_t kInFlightBytesMin = 1U << 20;
/// The overlay's limit; past it writers wait for the index.
inline constexpr std::size_t kOverlayBytesMax = 48U << 20;
/// Durable batches are applied to the index when this much waits, or after this time.
inline constexpr std::size_t kApplyBytes = 2U << 20;
inline constexpr Duration kApplyDelay = milliseconds(500);
/// Memory of frames that nobody holds and that is kept for the next ones: what bulk writing takes
/// and gives back at a time.
inline constexpr std::size_t kIdleFrameBytesMax = 16U << 20;
/// A checkpoint is written after this much of the log.
inline constexpr std::uint64_t kCheckpointBatchBytes = 16U << 20;
inline constexpr std::uint64_t kCheckpointSegments = 512;
/// Size of one table object, before compression.
inline constexpr std::size_t kTableBytes = 8U << 20;
/// Delta tables beyond this many are folded into new base tables.
inline constexpr std::size_t kDeltaTablesMax = 12;
/// While it commits, a writer looks at the manifest this often.
inline constexpr Duration kManifestLook = seconds(5);
/// How long a dead segment below the log's start is kept for reads that are still under way.
inline constexpr Duration kReapGrace = seconds(60);
/// Leading bytes of a segment that recovery asks for at once.
inline constexpr std::uint64_t kFrontBytesGuess = 64U << 10;
/// Segments that recovery asks for at the same time.
inline constexpr std::size_t kReplayParallel = 32;

}  // namespace cairn::engine
