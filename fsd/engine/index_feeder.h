#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/change_set.h"
#include "fsd/engine/metadata.h"
#include "fsd/format/position.h"
#include "fsd/index/index.h"
#include "fsd/runtime/await.h"
#include "fsd/runtime/runtime.h"

namespace cairn::engine {

/// A durable segment's changes, on their way into the index.
struct DurableSegment {
  Seq seq;
  format::Position after;
  ChangeSet changes;
  /// About what it occupies while it waits.
  [[nodiscard]] std::size_t bytes() const { return changes.bytes() + sizeof *this; }
};

/// Takes durable segments' changes into the index, in order, many at a time, on the index thread;
/// renews the core's view of the index and drops from the overlay what the index then holds.
/// Remembers which keys changed, for the next checkpoint.
/// Threads: core only.
class IndexFeeder {
 public:
  /// `volume` is the identity part of the index's stamp. `on_failed` is called once, when the index
  /// is damaged; a full disk is waited for.
  IndexFeeder(Runtime& runtime, index::Index& index, Metadata& metadata, std::string volume,
              std::function<void(Error)> on_failed);

  /// The index stands at `at`; a view of it is already in the metadata.
  void start(format::Position at) { applied_ = at; }
  void add(DurableSegment segment);
  /// Starts at once with what waits.
  void hurry();
  /// Resumed after every step forward.
  [[nodiscard]] Condition& progress() { return progress_; }

  /// Nothing moves the index on from applied() until resume(). False: stopped or failed meanwhile.
  Task<bool> pause();
  void resume();
  [[nodiscard]] const format::Position& applied() const { return applied_; }
  /// The keys changed since this was last called, up to applied(); each as a length byte pair and
  /// the key. For the checkpoint, while paused.
  [[nodiscard]] std::string take_changed_keys() { return std::exchange(changed_keys_, {}); }
  /// The local disk has no room: the index stands still until it has.
  [[nodiscard]] bool disk_full() const { return disk_full_; }
  [[nodiscard]] const std::string& volume() const { return volume_; }

  Task<> stop();

 private:
  void schedule();
  Task<> run();
  Task<bool> apply(std::shared_ptr<std::vector<DurableSegment>> segments);
  Task<> drop_from_overlay(std::shared_ptr<std::vector<DurableSegment>> segments);

  Runtime& runtime_;
  index::Index& index_;
  Metadata& metadata_;
  std::string volume_;
  std::function<void(Error)> on_failed_;
  std::deque<DurableSegment> queue_;
  std::size_t queued_bytes_ = 0;  // of the queue, and of what is being applied
  format::Position applied_;
  std::string changed_keys_;
  Condition progress_;
  Timers::Token timer_ = 0;
  bool timer_set_ = false;
  bool running_ = false;
  bool paused_ = false;
  bool stopped_ = false;
  bool disk_full_ = false;
};

/// Appends a key to, and walks over, such a run of keys.
void append_key(std::string& keys, std::string_view key);
void for_each_key(std::string_view keys, const std::function<void(std::string_view)>& visit);

}  // namespace cairn::engine
