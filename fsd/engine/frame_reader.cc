#include "fsd/engine/frame_reader.h"

#include <algorithm>
#include <cstring>

#include "fsd/base/check.h"
#include "fsd/base/log.h"

// Which GETs. What a read misses is cut into runs of adjacent frames. A run becomes GETs of about
// 2 MiB, side by side: large enough that a request's own cost vanishes (of 1 MiB it is a fifth of
// what the server spends), small enough that several fill a link. A run shorter than what
// NeighbourPolicy says grows over the frames around it that are not there yet, to about half a
// megabyte as stored: over those that follow if the one before it is there (somebody goes through
// them), else over the aligned group it lies in. So small files that were written together come in
// together. Frames of a GET under way are pending: whoever misses one of them joins it instead of
// asking again.
//
// Reads and prefetches have bounds of their own for the bytes under way, counted as they will be in
// memory. A read past its bound waits for its turn, a prefetch past its own is dropped, so
// prefetching never holds a read up.
//
// A frame that does not open is asked for once more (the store or the way from it may have erred),
// all bad ones of a GET in one request. What is still bad then fails the reads of just that frame.
//
// Opening (checksum or AES, decompression) costs some 50 to 100 us a frame. One frame is opened on
// the spot, since waking a pool thread costs as much; more go to the pool, in pieces of a few
// frames so that its threads share a GET. Frames that are neither compressed nor encrypted, if all
// of a GET are, are only checked, and used where they lie in the answer.
//
// Readers take their bytes from the Fetch, not from the cache, which may have dropped them again by
// the time the reader runs. So what is in memory beside the cache is bounded by what is under way.

namespace cairn::engine {
namespace {

constexpr std::uint64_t kGetBytes = (2U << 20) + (64U << 10);  // stored; 32 frames and their seals
constexpr std::uint64_t kGetPlainBytes = 4U << 20;             // the same, before compression
constexpr std::uint64_t kReadAheadGetsMin = 8;  // side by side, also where memory is short
constexpr std::uint64_t kNeighbourBytes = (512U << 10) + (64U << 10);
constexpr std::uint64_t kOpenInlineBytes = 64U << 10;  // before compression
constexpr std::uint64_t kPoolPieceBytes = 256U << 10;
constexpr std::uint64_t kPoolPieceInPlaceBytes = 1U << 20;     // checksums alone
constexpr std::uint64_t kInPlaceBytesMin = kGetBytes / 4 * 3;  // of a GET, as stored
constexpr std::size_t kLostRemembered = 1024;

/// Copies what a frame has of the bytes [from.offset, + into.size()).
void copy_part(const format::FrameTable& table, std::uint32_t frame, ByteView bytes, DataRef from,
               MutableByteView into) {
  CHECK(bytes.size() == table.plain_bytes(frame));
  const std::uint64_t start = std::uint64_t{frame} * table.frame_bytes;
  const std::uint64_t begin = std::max(from.offset, start);
  const std::uint64_t end = std::min(from.offset + into.size(), start + bytes.size());
  std::memcpy(into.data() + (begin - from.offset), bytes.data() + (begin - start), end - begin);
}

std::uint64_t stored_bytes(const format::FrameTable& table, std::uint32_t frame) {
  return table.frames[frame].stored_bytes;
}

/// Length of the frames [first, end), at least one, before compression.
std::uint64_t plain_bytes_of(const format::FrameTable& table, std::uint32_t first,
                             std::uint32_t end) {
  return std::uint64_t{end - first - 1} * table.frame_bytes + table.plain_bytes(end - 1);
}

/// Whether an answer that holds these frames is worth keeping as it is: nothing else is in it.
bool all_lie_open(const format::FrameTable& table, std::uint32_t first, std::uint32_t end,
                  const format::ObjectSealer& opener) {
  while (first < end && format::lies_open(table, first, opener)) ++first;
  return first == end;
}

}  // namespace

/// One GET and what becomes of it. Shared by the coroutine that runs it and all who wait for it.
struct FrameReader::Fetch {
  Fetch(Table t, Run r, const format::Sealer& sealer, BlockPool pool)
      : table(std::move(t)),
        run(r),
        blocks(std::move(pool)),
        range(table->stored_range(r.first, r.end - r.first)),
        opener(format::frame_sealer(*table, sealer)),
        plain_bytes(plain_bytes_of(*table, r.first, r.end)),
        in_place(range.length >= kInPlaceBytesMin && all_lie_open(*table, r.first, r.end, opener)),
        frames(r.end - r.first),
        wanted(r.end - r.first) {}

  [[nodiscard]] SharedBytes& bytes(std::uint32_t frame) { return frames[frame - run.first]; }
  [[nodiscard]] FrameKey key(std::uint32_t frame) const { return {table->id, frame}; }
  void open_frames(format::StoredRange body_range, const SharedBytes& body, Run part);
  [[nodiscard]] SharedBytes open_frame(std::uint32_t frame, const SharedBytes& stored);

  const Table table;
  const Run run;
  BlockPool blocks;
  const format::StoredRange range;
  const format::ObjectSealer opener;
  const std::uint64_t plain_bytes;
  const bool in_place;  // the frames are used where they lie in the answer
  bool read_ahead = false;
  bool asked_again = false;
  std::vector<SharedBytes> frames;  // empty: not there, or did not open
  std::vector<bool> wanted;         // somebody reads it, not only hopes
  std::optional<Error> error;       // of the GET as a whole
  bool done = false;
  Condition finished;
};

/// Opens those frames of `part` that are not open yet, from the object's bytes at `body_range`.
/// Those that are damaged stay empty. Threads: any; several at once for parts that do not overlap.
void FrameReader::Fetch::open_frames(format::StoredRange body_range, const SharedBytes& body,
                                     Run part) {
  std::uint64_t at = table->stored_range(part.first).offset - body_range.offset;
  for (std::uint32_t frame = part.first; frame < part.end; ++frame) {
    const std::uint64_t length = stored_bytes(*table, frame);
    if (bytes(frame).empty() && at + length <= body.size()) {  // else cut short: damaged
      bytes(frame) = open_frame(frame, body.slice(at, length));
    }
    at += length;
  }
}

/// The frame, or nothing if it is damaged.
SharedBytes FrameReader::Fetch::open_frame(std::uint32_t frame, const SharedBytes& stored) {
  if (in_place) {
    const auto plain = format::open_frame_in_place(*table, frame, stored.view(), opener);
    return plain ? stored.slice(0, plain->size()) : SharedBytes();
  }
  const std::size_t size = table->plain_bytes(frame);
  auto memory = size == blocks.block_bytes() ? blocks.take()
                                             : std::make_shared_for_overwrite<std::uint8_t[]>(size);
  const MutableByteView plain(memory.get(), size);
  if (!format::open_frame(*table, frame, stored.view(), opener, plain)) return {};
  return {std::move(memory), plain};
}

FrameReader::FrameReader(Runtime& runtime, object_store::ObjectStore& store, format::Sealer sealer,
                         BlockPool blocks, FrameCache& cache, FrameTables::Find find_table)
    : FrameReader(runtime, store, std::move(sealer), std::move(blocks), cache,
                  std::move(find_table), Options()) {}

FrameReader::FrameReader(Runtime& runtime, object_store::ObjectStore& store, format::Sealer sealer,
                         BlockPool blocks, FrameCache& cache, FrameTables::Find find_table,
                         Options options)
    : runtime_(runtime),
      store_(store),
      sealer_(std::move(sealer)),
      blocks_(std::move(blocks)),
      cache_(cache),
      tables_(std::move(find_table), options.table_bytes_max),
      options_(options) {}

FrameReader::~FrameReader() { CHECK(pending_.empty()); }

Task<Result<void>> FrameReader::read(DataRef from, MutableByteView into, const CancelFlag* cancel) {
  if (gate_.closing()) co_return Error(EngineErrc::kStopped, "the volume is closing");
  CO_TRY(const Table table, tables_.get(from.segment));
  if (into.empty()) co_return Result<void>();
  if (into.size() > table->data_bytes || from.offset > table->data_bytes - into.size()) {
    co_return Error(EngineErrc::kDamaged, "an extent reaches past its segment");
  }
  std::vector<Wait> waits;
  Run missing;
  const std::uint32_t end = table->frame_of(from.offset + into.size() - 1) + 1;
  for (std::uint32_t frame = table->frame_of(from.offset); frame < end; ++frame) {
    if (const SharedBytes* bytes = cache_.find({table->id, frame})) [[likely]] {
      copy_part(*table, frame, bytes->view(), from, into);
      continue;
    }
    if (const auto found = pending_.find({table->id, frame}); found != pending_.end()) {
      ++counters_.joined;
      found->second->wanted[frame - found->second->run.first] = true;
      waits.push_back({found->second, frame});
      continue;
    }
    if (missing.end != frame) {
      demand(table, missing, waits);
      missing = {frame, frame};
    }
    ++missing.end;
  }
  demand(table, missing, waits);
  for (const Wait& wait : waits) {
    Fetch& fetch = *wait.fetch;
    while (!fetch.done) {
      const Counted waiting(reads_waiting_);
      co_await fetch.finished.wait();
    }
    if (is_cancelled(cancel)) co_return errno_error(EINTR);
    if (fetch.error) co_return *fetch.error;
    if (fetch.bytes(wait.frame).empty()) {
      co_return Error(EngineErrc::kDamaged, "a frame does not match its seal",
                      fmt::format("{} frame {}", table->object_name(), wait.frame));
    }
    copy_part(*table, wait.frame, fetch.bytes(wait.frame).view(), from, into);
  }
  co_return Result<void>();
}

std::uint64_t FrameReader::prefetch(DataRef from, std::uint64_t length) {
  if (gate_.closing() || length == 0) return length;
  const auto found = tables_.get(from.segment);
  if (!found || from.offset >= (*found)->data_bytes) return length;
  const Table& table = *found;
  const std::uint64_t there = std::min(length, table->data_bytes - from.offset);
  const std::uint64_t bytes_max = read_ahead_bytes_max();
  const std::uint64_t get_bytes = std::min(bytes_max / kReadAheadGetsMin, kGetPlainBytes);
  const std::uint32_t end = table->frame_of(from.offset + there - 1) + 1;
  for (std::uint32_t frame = table->frame_of(from.offset); frame < end;) {
    Run run{frame, frame};
    while (run.end < end && is_absent(*table, run.end)) ++run.end;
    frame = run.end + 1;  // that one is there, or the end
    while (run.first < run.end) {
      const Run part = longest_get(*table, run, get_bytes);
      const std::uint64_t bytes = plain_bytes_of(*table, part.first, part.end);
      if (read_ahead_gets_ >= options_.read_ahead_gets_max ||
          read_ahead_bytes_ + bytes > bytes_max) {
        counters_.read_ahead_dropped += end - part.first;
        const std::uint64_t start = std::uint64_t{part.first} * table->frame_bytes;
        return start - std::min(start, from.offset);
      }
      start_fetch(table, part, Run{});
      run.first = part.end;
    }
  }
  return length;
}

std::uint64_t FrameReader::read_ahead_bytes_max() const {
  // As much again is left for what is read meanwhile.
  return std::min(options_.read_ahead_bytes_max, cache_.probation_room() / 2);
}

Task<> FrameReader::stop() { return gate_.close(); }

bool FrameReader::is_absent(const format::FrameTable& table, std::uint32_t frame) const {
  const FrameKey key{table.id, frame};
  return !cache_.contains(key) && !pending_.contains(key);
}

/// `run`, which a read misses, and the neighbours that come with it.
FrameReader::Run FrameReader::with_neighbours(const format::FrameTable& table, Run run) {
  const auto& seen = cache_.counters();
  const bool follows = run.first > 0 && cache_.contains({table.id, run.first - 1});
  neighbours_.on_miss(seen.neighbours_used, seen.neighbours_wasted,
                      follows || cache_.contains({table.id, run.end}));
  const std::uint32_t group = neighbours_.frames();
  if (run.end - run.first >= group) return run;
  const std::uint32_t first = run.first / group * group;
  const std::uint32_t end = std::min((follows ? run.first : first) + group, table.frame_count());
  std::uint64_t bytes = table.stored_range(run.first, run.end - run.first).length;
  const auto takes = [&](std::uint32_t frame) {
    bytes += stored_bytes(table, frame);
    return bytes <= kNeighbourBytes && is_absent(table, frame);
  };
  while (run.end < end && takes(run.end)) ++run.end;
  while (run.first > first && takes(run.first - 1)) --run.first;
  return run;
}

/// As many frames from the front of `run` as make one GET of no more than `plain_max` bytes before
/// compression; at least one.
FrameReader::Run FrameReader::longest_get(const format::FrameTable& table, Run run,
                                          std::uint64_t plain_max) const {
  Run part{run.first, run.first + 1};
  std::uint64_t bytes = stored_bytes(table, run.first);
  while (part.end < run.end && bytes + stored_bytes(table, part.end) <= kGetBytes &&
         plain_bytes_of(table, part.first, part.end + 1) <= plain_max) {
    bytes += stored_bytes(table, part.end++);
  }
  return part;
}

void FrameReader::demand(const Table& table, Run run, std::vector<Wait>& waits) {
  if (run.first == run.end) return;
  const Run wanted = run;
  run = with_neighbours(*table, run);
  while (run.first < run.end) {
    const Run part = longest_get(*table, run, kGetPlainBytes);
    const FetchPtr fetch = start_fetch(table, part, wanted);
    for (std::uint32_t frame = std::max(part.first, wanted.first);
         frame < std::min(part.end, wanted.end); ++frame) {
      waits.push_back({fetch, frame});
    }
    run.first = part.end;
  }
}

/// Begins a GET: for reading if something is `wanted`, else ahead of it.
FrameReader::FetchPtr FrameReader::start_fetch(const Table& table, Run run, Run wanted) {
  CHECK(gate_.enter());
  auto fetch = std::make_shared<Fetch>(table, run, sealer_, blocks_);
  fetch->read_ahead = wanted.first == wanted.end;
  for (std::uint32_t frame = run.first; frame < run.end; ++frame) {
    fetch->wanted[frame - run.first] = frame >= wanted.first && frame < wanted.end;
    pending_.emplace(fetch->key(frame), fetch);
  }
  run_fetch(fetch).detach();
  return fetch;
}

void FrameReader::count_in_flight(const Fetch& fetch, bool begins) {
  std::uint64_t& bytes = fetch.read_ahead ? read_ahead_bytes_ : demand_bytes_;
  if (begins) {
    bytes += fetch.plain_bytes;
    if (fetch.read_ahead) {
      ++read_ahead_gets_;
      cache_.reserve(read_ahead_bytes_);
    }
    return;
  }
  bytes -= fetch.plain_bytes;
  if (fetch.read_ahead) {
    --read_ahead_gets_;
    cache_.reserve(read_ahead_bytes_);
  } else {
    demand_room_.notify_all();
  }
}

Task<> FrameReader::run_fetch(FetchPtr fetch) {
  while (!fetch->read_ahead && demand_bytes_ > 0 &&
         demand_bytes_ + fetch->plain_bytes > options_.demand_bytes_max) {
    co_await demand_room_.wait();
  }
  count_in_flight(*fetch, true);
  const Result<void> result = co_await get_and_open(fetch);
  if (!result) fetch->error = translated(result.error(), *fetch->table);
  count_in_flight(*fetch, false);
  settle(*fetch);
  gate_.leave();
}

Task<Result<void>> FrameReader::get_and_open(FetchPtr fetch) {
  const Run run = fetch->run;
  CO_TRY(SharedBytes body, co_await get_range(fetch->table, fetch->range));
  co_await open_all(fetch, std::move(body));

  Run bad{run.end, run.first};
  for (std::uint32_t frame = run.first; frame < run.end; ++frame) {
    if (!fetch->bytes(frame).empty()) continue;
    ++counters_.damaged;
    bad = {std::min(bad.first, frame), frame + 1};
  }
  if (bad.first >= bad.end) co_return Result<void>();
  log::warn("{}: frames {} to {} do not match their seals; asking again",
            fetch->table->object_name(), bad.first, bad.end - 1);
  const format::StoredRange range = fetch->table->stored_range(bad.first, bad.end - bad.first);
  fetch->asked_again = true;
  const Result<SharedBytes> again = co_await get_range(fetch->table, range);
  if (again) fetch->open_frames(range, *again, bad);
  for (std::uint32_t frame = bad.first; frame < bad.end; ++frame) {
    if (!fetch->bytes(frame).empty()) continue;
    ++counters_.damaged;
    log::error("{} is damaged: frame {} does not match its seal", fetch->table->object_name(),
               frame);
  }
  co_return Result<void>();
}

Task<Result<SharedBytes>> FrameReader::get_range(Table table, format::StoredRange range) {
  ++counters_.gets;
  counters_.bytes += range.length;
  CO_TRY(object_store::Object object,
         co_await store_.get(table->object_name(), {range.offset, range.length}));
  co_return std::move(object.body);
}

Task<> FrameReader::open_all(FetchPtr fetch, SharedBytes body) {
  const Run run = fetch->run;
  if (fetch->plain_bytes <= kOpenInlineBytes) {
    fetch->open_frames(fetch->range, body, run);
    co_return;
  }
  const std::uint64_t piece = fetch->in_place ? kPoolPieceInPlaceBytes : kPoolPieceBytes;
  const auto frames_each =
      static_cast<std::uint32_t>(std::max<std::uint64_t>(1, piece / fetch->table->frame_bytes));
  std::vector<Task<>> pieces;
  for (std::uint32_t first = run.first; first < run.end; first += frames_each) {
    pieces.push_back(open_on_pool(fetch, body, {first, std::min(first + frames_each, run.end)}));
  }
  for (Task<>& piece : pieces) co_await piece;
}

Task<> FrameReader::open_on_pool(FetchPtr fetch, SharedBytes body, Run run) {
  Fetch* target = fetch.get();
  const SharedBytes* bytes = &body;
  co_await RunOn(runtime_.pool, runtime_.core, [target, bytes, run] {
    target->open_frames(target->range, *bytes, run);
    return true;
  });
}

/// The end of a GET: its frames go to the cache and to those who wait.
void FrameReader::settle(Fetch& fetch) {
  const bool shared = fetch.in_place && !fetch.asked_again && is_all_new(fetch);
  for (std::uint32_t frame = fetch.run.first; frame < fetch.run.end; ++frame) {
    pending_.erase(fetch.key(frame));
    SharedBytes bytes = fetch.bytes(frame);
    if (bytes.empty()) continue;
    auto use = fetch.read_ahead ? FrameCache::Use::kReadAhead : FrameCache::Use::kNeighbour;
    if (fetch.wanted[frame - fetch.run.first]) use = FrameCache::Use::kDemand;
    if (fetch.in_place && !shared) bytes = SharedBytes::copy_of(bytes.view());
    cache_.insert(fetch.key(frame), std::move(bytes), use,
                  shared ? FrameCache::Memory::kShared : FrameCache::Memory::kOwn);
  }
  fetch.done = true;
  fetch.finished.notify_all();
}

/// Whether the cache would take in all of it at once, as those must be that share memory.
bool FrameReader::is_all_new(Fetch& fetch) const {
  std::uint32_t frame = fetch.run.first;
  while (frame < fetch.run.end && !fetch.bytes(frame).empty() &&
         cache_.is_new(fetch.key(frame), fetch.bytes(frame).size())) {
    ++frame;
  }
  return frame == fetch.run.end;
}

Error FrameReader::translated(const Error& error, const format::FrameTable& table) {
  using object_store::StoreErrc;
  if (is(error, StoreErrc::kNotFound)) {
    const std::string name = table.object_name();
    if (lost_.size() < kLostRemembered && lost_.insert(table.seq).second) {
      log::error("{} is missing in the bucket: the file data in it cannot be read", name);
    }
    return {EngineErrc::kLost, "an object that holds file data is missing", name};
  }
  if (is(error, StoreErrc::kUnavailable) || is(error, StoreErrc::kThrottled)) {
    return {EngineErrc::kUnavailable, "the store did not answer", error.message()};
  }
  if (is(error, StoreErrc::kCancelled)) return {EngineErrc::kStopped, "the volume is closing"};
  return error;
}

}  // namespace cairn::engine
