#pragma once

#include <cstdint>
#include <vector>

#include "fsd/base/bytes.h"
#include "fsd/format/identity.h"

namespace cairn::engine {

/// One frame of one segment. Segments' ids are random, so two writers' segments of one seq differ.
struct FrameKey {
  format::SegmentId segment;
  std::uint32_t frame = 0;
  bool operator==(const FrameKey&) const = default;
};

/// Decoded frames in memory, in no more than `bytes_max` bytes whatever the load: values, and the
/// tables that find them, which are allocated once. How it chooses what to keep: frame_cache.cc.
///
/// A value counts with its size, so it owns no more memory than it shows; or it shares a piece of
/// memory with frames that come in with it and are all new here: those leave probation in one go,
/// and what goes to main is copied, so of what no longer counts at most one such piece is held. A
/// frame that is dropped while a reader still holds it lives on for that reader and no longer
/// counts here: who reads bounds what it holds. Lifetime: values are shared and outlive it.
/// Threads: core only.   Fails: never.
class FrameCache {
 public:
  /// Why a frame is brought in: to be read now, or in the hope that it will be.
  enum class Use : std::uint8_t { kDemand, kNeighbour, kReadAhead };
  /// Whose memory a value is in: its own, or that of the answer which brought its neighbours too.
  enum class Memory : std::uint8_t { kOwn, kShared };

  struct Counters {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t insertions = 0;
    std::uint64_t evictions = 0;
    std::uint64_t neighbours_used = 0;    // brought in as neighbours and read later
    std::uint64_t neighbours_wasted = 0;  // ... and dropped before anybody read them
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;  // of values, now; with table_bytes() never above bytes_max
  };

  explicit FrameCache(std::uint64_t bytes_max);
  FrameCache(const FrameCache&) = delete;
  FrameCache& operator=(const FrameCache&) = delete;

  /// The frame, or nullptr. A use: counted, and remembered for the choice of what to keep. The
  /// pointer is good until the next call that is not const.
  [[nodiscard]] const SharedBytes* find(const FrameKey& key);
  /// Whether find() would find it, without being a use.
  [[nodiscard]] bool contains(const FrameKey& key) const;
  /// Whether insert() would put it on probation: neither here nor remembered, and not too large.
  [[nodiscard]] bool is_new(const FrameKey& key, std::uint64_t bytes) const;
  /// Keeps the frame and drops others to make room. A frame that is there already stays; one that
  /// is larger than the probation queue is not kept.
  void insert(const FrameKey& key, SharedBytes bytes, Use use = Use::kDemand,
              Memory memory = Memory::kOwn);
  /// Keeps so many bytes free for frames that are on their way; how many in all. What is there
  /// makes room at once, so that the frames cause no peak when they arrive.
  void reserve(std::uint64_t bytes);
  /// Drops all, also what is remembered of the past.
  void clear();

  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::uint64_t bytes_max() const { return bytes_max_; }
  [[nodiscard]] std::uint64_t table_bytes() const;
  /// What frames on probation have at the moment: their share, and all that main does not use.
  /// Those brought in for later should stay well below it, or they push each other out.
  [[nodiscard]] std::uint64_t probation_room() const;

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = UINT32_MAX;

  enum class Queue : std::uint8_t { kFree, kProbation, kMain, kGhosts };
  struct Node {
    FrameKey key;
    SharedBytes bytes;             // empty for ghosts
    std::uint64_t counted_at = 0;  // inserted_bytes_ when it came in or a use was last counted
    Index newer = kNone;           // in its queue
    Index older = kNone;
    Index chain = kNone;  // next in its bucket, or next free
    Queue queue = Queue::kFree;
    std::uint8_t uses = 0;       // counted uses, at most kUsesMax
    Use awaited = Use::kDemand;  // not kDemand until the first read
    Memory memory = Memory::kOwn;
  };
  struct List {
    Index newest = kNone;
    Index oldest = kNone;
    std::uint64_t bytes = 0;
    std::uint64_t count = 0;
  };
  static constexpr std::uint8_t kUsesMax = 3;

  [[nodiscard]] Index& bucket_of(const FrameKey& key);
  [[nodiscard]] Index lookup(const FrameKey& key) const;
  [[nodiscard]] List& list(Queue queue) { return lists_[static_cast<std::size_t>(queue)]; }
  Index allocate(const FrameKey& key);
  void release(Index index);
  void push(Index index, Queue queue);
  void unlink(Index index);
  void on_use(Node& node);
  void make_room(std::uint64_t bytes);
  void evict_from_probation();
  void evict_from_main();
  void drop_value(Index index);
  void make_ghost(Index index);
  void promote(Index index);

  const std::uint64_t bytes_max_;
  std::size_t residents_max_;
  std::size_t ghosts_max_;
  std::uint64_t value_bytes_max_ = 0;
  std::uint64_t probation_bytes_max_ = 0;
  std::uint64_t reserved_bytes_ = 0;
  std::vector<Node> nodes_;     // reserved once, touched as it fills
  std::vector<Index> buckets_;  // a power of two
  Index free_ = kNone;
  List lists_[4];
  std::uint64_t inserted_bytes_ = 0;  // in total: the cache's clock
  Counters counters_;
};

}  // namespace cairn::engine
