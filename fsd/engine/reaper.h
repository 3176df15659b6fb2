#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/volume.h"
#include "fsd/object_store/object_store.h"
#include "fsd/runtime/await.h"
#include "fsd/runtime/runtime.h"

namespace cairn::engine {

/// Deletes segments without a live byte, and what may lie in the gap behind an epoch-start. A log
/// object goes only when its seq and the seq of its death lie below the log's start, as the
/// manifest surely says it; epoch-starts never go. reaper.cc says why gaps are looked at again.
/// Threads: core only.
class Reaper {
 public:
  Reaper(Runtime& runtime, object_store::ObjectStore& store, Volume& volume, Duration grace)
      : runtime_(runtime), store_(store), volume_(volume), grace_(grace) {}

  /// One round after a checkpoint. `log_start`: of the manifest whose writing is known to have
  /// succeeded. Ends early when stop() was called.
  /// A call during a round returns at once; the round is followed by one for it.
  Task<Result<void>> run(Seq log_start);
  void stop();
  [[nodiscard]] std::uint64_t deleted() const { return deleted_; }

 private:
  struct Doomed {
    Seq death;
    Seq segment;
    bool in_gap = false;  // behind an epoch-start
  };
  [[nodiscard]] Result<std::vector<Doomed>> find_doomed(Seq log_start);
  void forget(std::span<const Doomed> deleted, Seq log_start);
  void look_again_later(const Doomed& one, Seq log_start);
  Task<Result<bool>> round(Seq log_start);
  Task<> wait_grace();
  Task<Result<void>> remove_all(std::vector<Seq> segments);

  Runtime& runtime_;
  object_store::ObjectStore& store_;
  Volume& volume_;
  Duration grace_;
  Seq wanted_;  // the newest log start that run() was called with
  bool running_ = false;
  bool stopped_ = false;
  bool waiting_ = false;
  Timers::Token timer_ = 0;
  Condition waited_;
  std::uint64_t deleted_ = 0;
};

}  // namespace cairn::engine
