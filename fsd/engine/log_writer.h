#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/arena.h"
#include "fsd/engine/change_set.h"
#include "fsd/engine/link_rate.h"
#include "fsd/engine/log_reader.h"
#include "fsd/format/compression.h"
#include "fsd/format/segment.h"
#include "fsd/runtime/await.h"
#include "fsd/runtime/runtime.h"

namespace cairn::engine {

/// A sealed segment on its way into the bucket.
struct Flight {
  format::SegmentHeader header;
  ChangeSet changes;
  std::shared_ptr<Arena> arena;
  format::FrameTable frames;  // known once it is sealed
  SharedBytes object;
  bool awaited = false;  // somebody waits for it (a commit)
  bool acknowledged = false;
  [[nodiscard]] std::uint64_t bytes() const { return arena->size() + changes.bytes() + 512; }
};

/// Puts segments into the log, several at a time, within the volume's window; a segment is durable
/// when it and all before it are acknowledged. Finding another writer's segment in a slot of ours
/// means that we are fenced: nothing is acknowledged any more.
/// Threads: core only.
class LogWriter {
 public:
  struct Options {
    std::uint64_t window = format::kWindowDefault;  // of the volume: a span of seqs
    std::size_t window_bytes = 64U << 20;           // data under way
    format::Compression compression;
  };
  struct Events {
    std::function<void(Flight&)> on_durable;  // in the order of the log
    std::function<void(Error)> on_failed;     // fenced; once
    std::function<void()> on_trouble;         // the store does not take a segment, for now
  };
  LogWriter(Runtime& runtime, object_store::ObjectStore& store, LogReader& reader,
            format::Sealer sealer, Options options, Events events);

  /// The log's end is at `tip`, and it is ours.
  void start(format::Position tip);
  /// The number that the next submitted segment must have, and the id that it must name.
  [[nodiscard]] Seq next_seq() const { return tip_.next_seq; }
  [[nodiscard]] format::SegmentId last_id() const { return tip_.last; }
  void submit(std::shared_ptr<Flight> flight);

  /// A bulk segment of this size may be submitted now without anybody having to wait long behind
  /// it.
  [[nodiscard]] bool has_room(std::uint64_t bytes) const {
    // The next one fills meanwhile, and is to be within the window too.
    return in_flight_bytes_ == 0 || (in_flight_bytes_ + bytes <= link_.in_flight_max() &&
                                     in_flight_bytes_ + 2 * bytes <= options_.window_bytes);
  }
  [[nodiscard]] std::size_t in_flight() const { return flights_.size(); }
  [[nodiscard]] std::size_t awaited_in_flight() const { return awaited_; }
  [[nodiscard]] std::uint64_t in_flight_bytes() const { return in_flight_bytes_; }
  /// All segments before it are durable.
  [[nodiscard]] Seq durable_end() const {
    return flights_.empty() ? tip_.next_seq : flights_.front()->header.seq;
  }
  [[nodiscard]] const Flight* find(Seq seq) const;
  /// Resumed after every acknowledgement and at failure.
  [[nodiscard]] Condition& progress() { return progress_; }
  [[nodiscard]] const LinkRate& link() const { return link_; }

  /// Acknowledges nothing more.
  void fail();
  /// Returns when nothing is under way. The caller makes the store give up if it must not last.
  Task<> drain();

 private:
  [[nodiscard]] bool within_window(Seq seq) const;
  Task<> send(std::shared_ptr<Flight> flight);
  Task<> seal(std::shared_ptr<Flight> flight);
  void on_acknowledged(Flight& flight);

  Runtime& runtime_;
  object_store::ObjectStore& store_;
  LogReader& reader_;
  format::Sealer sealer_;
  Options options_;
  Events events_;
  format::Position tip_;
  LinkRate link_;
  std::deque<std::shared_ptr<Flight>> flights_;  // in the order of the log
  std::size_t awaited_ = 0;
  std::uint64_t in_flight_bytes_ = 0;
  std::size_t sending_ = 0;
  bool failed_ = false;
  Condition progress_;
};

}  // namespace cairn::engine
