#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fsd/base/block_pool.h"
#include "fsd/base/bytes.h"
#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/frame_cache.h"
#include "fsd/engine/frame_tables.h"
#include "fsd/engine/neighbour_policy.h"
#include "fsd/engine/volume.h"
#include "fsd/format/sealer.h"
#include "fsd/format/segment.h"
#include "fsd/object_store/object_store.h"
#include "fsd/runtime/await.h"
#include "fsd/runtime/runtime.h"

namespace cairn::engine {

/// Reads the data space of durable segments: from the cache, else by ranged GETs. frame_reader.cc
/// says which GETs.
/// Lifetime: stop() must have ended before it goes; what it is made with outlives it.
/// Threads: core only.
/// Fails with: kLost (the object is gone), kDamaged (of the frames read, or the lookup's),
/// kStopped, kUnavailable, else what the store fails with.
class FrameReader {
 public:
  struct Options {
    std::uint64_t demand_bytes_max = 128U << 20;     // of frames under way for reads, decoded
    std::uint64_t read_ahead_bytes_max = 48U << 20;  // ... and for prefetches
    std::uint32_t read_ahead_gets_max = 48;
    std::uint64_t table_bytes_max = 16U << 20;  // decoded frame tables kept
  };
  struct Counters {
    std::uint64_t gets = 0;
    std::uint64_t bytes = 0;               // stored, asked for
    std::uint64_t joined = 0;              // frames that a GET already under way brought
    std::uint64_t read_ahead_dropped = 0;  // frames that prefetch() left out for the bound
    std::uint64_t damaged = 0;             // frames that were bad once; again, if the read failed
  };

  FrameReader(Runtime& runtime, object_store::ObjectStore& store, format::Sealer sealer,
              BlockPool blocks, FrameCache& cache, FrameTables::Find find_table);
  FrameReader(Runtime& runtime, object_store::ObjectStore& store, format::Sealer sealer,
              BlockPool blocks, FrameCache& cache, FrameTables::Find find_table, Options options);
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;
  ~FrameReader();

  /// Fills `into`, which must stay valid until the Task ends or `cancel` (or null) is set: at once
  /// if all frames are cached.
  Task<Result<void>> read(DataRef from, MutableByteView into, const CancelFlag* cancel = nullptr);
  /// Begins to fetch what is not there, as far as the bounds allow: for so many bytes, from the
  /// front. All of them where there is nothing that could be fetched.
  std::uint64_t prefetch(DataRef from, std::uint64_t length);
  /// There is no more under way for prefetches.
  [[nodiscard]] std::uint64_t read_ahead_bytes_max() const;
  /// Refuses reads from now on and waits for the GETs under way.
  Task<> stop();

  /// Reads that wait for frames from the store.
  [[nodiscard]] std::size_t reads_waiting() const { return reads_waiting_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::uint64_t bytes_in_flight() const { return demand_bytes_ + read_ahead_bytes_; }

 private:
  struct Fetch;
  using FetchPtr = std::shared_ptr<Fetch>;
  using Table = FrameTables::Table;
  /// Frames [first, end) of one segment.
  struct Run {
    std::uint32_t first = 0;
    std::uint32_t end = 0;
  };
  struct KeyHash {
    std::size_t operator()(const FrameKey& key) const noexcept {
      return std::hash<format::SegmentId>{}(key.segment) + key.frame * 0x9E3779B97F4A7C15ULL;
    }
  };
  struct Wait {
    FetchPtr fetch;
    std::uint32_t frame = 0;
  };

  [[nodiscard]] bool is_absent(const format::FrameTable& table, std::uint32_t frame) const;
  [[nodiscard]] Run with_neighbours(const format::FrameTable& table, Run run);
  [[nodiscard]] Run longest_get(const format::FrameTable& table, Run run,
                                std::uint64_t plain_max) const;
  void demand(const Table& table, Run run, std::vector<Wait>& waits);
  FetchPtr start_fetch(const Table& table, Run run, Run wanted);
  void count_in_flight(const Fetch& fetch, bool begins);
  Task<> run_fetch(FetchPtr fetch);
  Task<Result<void>> get_and_open(FetchPtr fetch);
  Task<Result<SharedBytes>> get_range(Table table, format::StoredRange range);
  Task<> open_all(FetchPtr fetch, SharedBytes body);
  Task<> open_on_pool(FetchPtr fetch, SharedBytes body, Run run);
  void settle(Fetch& fetch);
  [[nodiscard]] bool is_all_new(Fetch& fetch) const;
  Error translated(const Error& error, const format::FrameTable& table);

  Runtime& runtime_;
  object_store::ObjectStore& store_;
  const format::Sealer sealer_;
  const BlockPool blocks_;
  FrameCache& cache_;
  FrameTables tables_;
  const Options options_;
  NeighbourPolicy neighbours_;
  std::unordered_map<FrameKey, FetchPtr, KeyHash> pending_;
  Condition demand_room_;
  std::uint64_t demand_bytes_ = 0;
  std::uint64_t read_ahead_bytes_ = 0;
  std::uint32_t read_ahead_gets_ = 0;
  std::unordered_set<Seq> lost_;  // objects that the log says are gone
  Gate gate_;
  std::size_t reads_waiting_ = 0;
  Counters counters_;
};

}  // namespace cairn::engine
