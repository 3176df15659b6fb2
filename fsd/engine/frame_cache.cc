#include "fsd/engine/frame_cache.h"

#include <algorithm>
#include <bit>

#include "fsd/base/check.h"

// What to keep. The workloads here are streams (a frame is read in a few pieces within moments,
// then never again), read-ahead and neighbours (brought in before anybody has asked), and hot sets
// (the upper pages of a database, a source tree). Plain LRU lets one large copy push out the hot
// set. We use S3-FIFO (Yang et al., SOSP 2023), with one change.
//
//   new ->  probation (a fifth of the bytes)  --used again-->  main
//                     |                                         |  ^ used since: once more round
//                  dropped, key remembered                   dropped
//                     v
//                  ghosts (keys only)  --asked for again-->  main
//
// A frame enters a FIFO queue on probation. When it reaches the end it moves to main if it was used
// again meanwhile; else it is dropped and its key kept as a ghost. A frame that comes back while
// its ghost is there was dropped too early and goes to main at once. Main is a FIFO queue as well,
// whose end gets another round for every counted use (at most three). So a use touches one counter
// and moves nothing, every operation is O(1) amortised, and a scan of any length passes through
// probation alone.
//
// The change: uses that follow the frame's arrival closely are one use. Applications read 64 KiB
// frames in pieces of 4 KiB; counted naively each streamed frame would look hot. The cache's clock
// is the number of bytes inserted; a use counts only when a quarter of the probation queue has gone
// by since the last counted moment. The first read of a frame that came in ahead of its reader is
// its arrival.
//
// Memory. Frames that a GET brought as they are lie in its answer still, which saves a copy and
// fresh memory for each. FIFO lets go of all of an answer at about the same time. Main is no place
// for such a frame, since it would hold its answer's whole memory there: it is copied on its way.
//
// Room. Nodes and buckets are allocated once and paid for out of the limit: a node for each 4 KiB
// of the limit, and half as many for ghosts. Where frames are smaller than that on average, nodes
// run out before bytes do, which drops frames just the same. Ghosts are never more than the frames.

namespace cairn::engine {
namespace {

constexpr std::uint64_t kBytesPerNode = 4096;
constexpr std::size_t kResidentsMin = 16;
constexpr std::uint64_t kProbationShare = 5;   // a fifth
constexpr std::uint64_t kCorrelatedShare = 4;  // of the probation queue
constexpr std::size_t kGhostsMin = 8;

}  // namespace

FrameCache::FrameCache(std::uint64_t bytes_max)
    : bytes_max_(bytes_max),
      residents_max_(std::max<std::size_t>(kResidentsMin, bytes_max / kBytesPerNode)),
      ghosts_max_(std::max<std::size_t>(kGhostsMin, residents_max_ / 2)) {
  CHECK(residents_max_ + ghosts_max_ < kNone);
  nodes_.reserve(residents_max_ + ghosts_max_);
  buckets_.assign(std::bit_ceil(residents_max_ + ghosts_max_), kNone);
  value_bytes_max_ = bytes_max_ - std::min(bytes_max_, table_bytes());
  probation_bytes_max_ = value_bytes_max_ / kProbationShare;
}

std::uint64_t FrameCache::table_bytes() const {
  return nodes_.capacity() * sizeof(Node) + buckets_.size() * sizeof(Index);
}

std::uint64_t FrameCache::probation_room() const {
  const std::uint64_t main = lists_[static_cast<std::size_t>(Queue::kMain)].bytes;
  return std::max(probation_bytes_max_, value_bytes_max_ - std::min(value_bytes_max_, main));
}

FrameCache::Index& FrameCache::bucket_of(const FrameKey& key) {
  const std::uint64_t hash =
      (std::hash<format::SegmentId>{}(key.segment) + key.frame) * 0x9E3779B97F4A7C15ULL;
  return buckets_[(hash >> 32) & (buckets_.size() - 1)];
}

FrameCache::Index FrameCache::lookup(const FrameKey& key) const {
  Index at = const_cast<FrameCache*>(this)->bucket_of(key);
  while (at != kNone && !(nodes_[at].key == key)) at = nodes_[at].chain;
  return at;
}

const SharedBytes* FrameCache::find(const FrameKey& key) {
  const Index at = lookup(key);
  if (at == kNone || nodes_[at].queue == Queue::kGhosts) {
    ++counters_.misses;
    return nullptr;
  }
  ++counters_.hits;
  on_use(nodes_[at]);
  return &nodes_[at].bytes;
}

bool FrameCache::contains(const FrameKey& key) const {
  const Index at = lookup(key);
  return at != kNone && nodes_[at].queue != Queue::kGhosts;
}

bool FrameCache::is_new(const FrameKey& key, std::uint64_t bytes) const {
  return lookup(key) == kNone && bytes <= probation_bytes_max_;
}

void FrameCache::on_use(Node& node) {
  if (node.awaited != Use::kDemand) {
    if (node.awaited == Use::kNeighbour) ++counters_.neighbours_used;
    node.awaited = Use::kDemand;
    node.counted_at = inserted_bytes_;
    return;
  }
  if (inserted_bytes_ - node.counted_at < probation_bytes_max_ / kCorrelatedShare) return;
  node.counted_at = inserted_bytes_;
  if (node.uses < kUsesMax) ++node.uses;
}

void FrameCache::insert(const FrameKey& key, SharedBytes bytes, Use use, Memory memory) {
  if (bytes.size() > probation_bytes_max_) return;
  Index at = lookup(key);
  if (at != kNone && nodes_[at].queue != Queue::kGhosts) return;
  const bool was_dropped_too_early = at != kNone && use == Use::kDemand;
  if (at != kNone) {
    unlink(at);
    release(at);
  }
  make_room(bytes.size());
  at = allocate(key);
  Node& node = nodes_[at];
  counters_.bytes += bytes.size();
  inserted_bytes_ += bytes.size();
  ++counters_.insertions;
  ++counters_.entries;
  node.bytes = std::move(bytes);
  node.counted_at = inserted_bytes_;
  node.awaited = use;
  node.memory = memory;
  was_dropped_too_early ? promote(at) : push(at, Queue::kProbation);
}

void FrameCache::reserve(std::uint64_t bytes) {
  reserved_bytes_ = bytes;
  make_room(0);
}

/// Into main, where it may stay for long: with memory of its own.
void FrameCache::promote(Index index) {
  Node& node = nodes_[index];
  if (node.memory == Memory::kShared) {
    node.bytes = SharedBytes::copy_of(node.bytes.view());
    node.memory = Memory::kOwn;
  }
  push(index, Queue::kMain);
}

void FrameCache::clear() {
  for (const Queue queue : {Queue::kProbation, Queue::kMain, Queue::kGhosts}) {
    while (list(queue).count > 0) {
      const Index at = list(queue).oldest;
      unlink(at);
      if (queue != Queue::kGhosts) drop_value(at);
      release(at);
    }
  }
}

void FrameCache::make_room(std::uint64_t bytes) {
  bytes += reserved_bytes_;
  while (counters_.entries > 0 &&
         (counters_.bytes + bytes > value_bytes_max_ || counters_.entries >= residents_max_)) {
    // Probation gives way beyond its share, be that in bytes or in nodes; else main does.
    const List& probation = list(Queue::kProbation);
    if (probation.bytes + bytes > probation_bytes_max_ ||
        probation.count > residents_max_ / kProbationShare || list(Queue::kMain).count == 0) {
      evict_from_probation();
    } else {
      evict_from_main();
    }
  }
}

void FrameCache::evict_from_probation() {
  const Index at = list(Queue::kProbation).oldest;
  if (at == kNone) return evict_from_main();
  unlink(at);
  Node& node = nodes_[at];
  if (node.uses > 0) {
    node.uses = 0;
    promote(at);
    return;
  }
  if (node.awaited == Use::kNeighbour) ++counters_.neighbours_wasted;
  drop_value(at);
  make_ghost(at);
}

void FrameCache::evict_from_main() {
  const Index at = list(Queue::kMain).oldest;
  unlink(at);
  Node& node = nodes_[at];
  if (node.uses > 0) {
    --node.uses;
    push(at, Queue::kMain);
    return;
  }
  drop_value(at);
  release(at);
}

void FrameCache::drop_value(Index index) {
  counters_.bytes -= nodes_[index].bytes.size();
  --counters_.entries;
  ++counters_.evictions;
  nodes_[index].bytes = {};
}

void FrameCache::make_ghost(Index index) {
  push(index, Queue::kGhosts);
  const std::size_t most =
      std::min<std::size_t>(ghosts_max_, std::max<std::size_t>(kGhostsMin, counters_.entries));
  while (list(Queue::kGhosts).count > most) {
    const Index oldest = list(Queue::kGhosts).oldest;
    unlink(oldest);
    release(oldest);
  }
}

FrameCache::Index FrameCache::allocate(const FrameKey& key) {
  Index at = free_;
  if (at != kNone) {
    free_ = nodes_[at].chain;
    nodes_[at] = Node{};
  } else {
    CHECK(nodes_.size() < nodes_.capacity());
    at = static_cast<Index>(nodes_.size());
    nodes_.emplace_back();
  }
  nodes_[at].key = key;
  Index& bucket = bucket_of(key);
  nodes_[at].chain = bucket;
  bucket = at;
  return at;
}

void FrameCache::release(Index index) {
  Index* link = &bucket_of(nodes_[index].key);
  while (*link != index) link = &nodes_[*link].chain;
  *link = nodes_[index].chain;
  nodes_[index].chain = free_;
  nodes_[index].queue = Queue::kFree;
  free_ = index;
}

void FrameCache::push(Index index, Queue queue) {
  List& into = list(queue);
  Node& node = nodes_[index];
  node.queue = queue;
  node.newer = kNone;
  node.older = into.newest;
  (into.newest == kNone ? into.oldest : nodes_[into.newest].newer) = index;
  into.newest = index;
  into.bytes += node.bytes.size();
  ++into.count;
}

void FrameCache::unlink(Index index) {
  Node& node = nodes_[index];
  List& from = list(node.queue);
  (node.newer == kNone ? from.newest : nodes_[node.newer].older) = node.older;
  (node.older == kNone ? from.oldest : nodes_[node.older].newer) = node.newer;
  from.bytes -= node.bytes.size();
  --from.count;
}

}  // namespace cairn::engine
