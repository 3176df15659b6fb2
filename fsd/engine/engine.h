#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "fsd/engine/checkpointer.h"
#include "fsd/engine/frame_cache.h"
#include "fsd/engine/frame_reader.h"
#include "fsd/engine/index_feeder.h"
#include "fsd/engine/limits.h"
#include "fsd/engine/log_writer.h"
#include "fsd/engine/metadata.h"
#include "fsd/engine/reaper.h"
#include "fsd/engine/segment_accounts.h"
#include "fsd/engine/take_over.h"
#include "fsd/engine/volume.h"

namespace cairn::engine {

/// Figures for status and metrics.
struct EngineStats {
  Epoch epoch;
  Seq open_segment;
  Seq durable_end;
  Seq log_start;
  std::uint64_t segments_in_flight = 0;
  std::uint64_t bytes_in_flight = 0;
  std::uint64_t open_bytes = 0;
  std::uint64_t overlay_bytes = 0;
  std::uint64_t index_disk_bytes = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t segments_deleted = 0;
  std::uint64_t replayed = 0;
  bool index_rebuilt = false;
  double link_bytes_per_second = 0;
  std::size_t syncs_waiting = 0;    // callers, for their segment to be durable
  std::size_t writers_waiting = 0;  // ... for room
  std::size_t reads_waiting = 0;    // ... for frames from the store
  bool index_disk_full = false;     // the index waits for room on the local disk
  bool failed = false;
};

/// The engine: a Volume whose transactions become segments of a log in an object store.
///
/// The open segment collects file bytes in an arena and changed keys in the overlay. It is sealed
/// when somebody needs durability, when it has grown, or after the commit interval; the log writer
/// puts it into the bucket; once durable, its frames go to the cache and its changes to the index.
/// Checkpoints and deletion follow in the background.
///
/// Lifetime: open() makes it; stop() must have ended before it goes, and no Task of a Volume
/// operation may be under way then.   Threads: core only.
/// Failure: fenced, or a damaged index: `on_failed` is called once, every operation that waits or
/// comes later fails with that error, and nothing more is acknowledged.
class Engine final : public Volume {
 public:
  struct Options {
    format::Compression compression;
    std::size_t window_bytes = 64U << 20;
    std::size_t cache_bytes = 256U << 20;
    Duration commit_interval = seconds(5);
    Duration reap_grace = kReapGrace;
    bool read_only = false;
    std::uint64_t checkpoint_segments = kCheckpointSegments;
    std::uint64_t checkpoint_batch_bytes = kCheckpointBatchBytes;
    std::function<void(Error)> on_failed;
  };
  static Task<Result<std::unique_ptr<Engine>>> open(LogAccess access, Options options);
  ~Engine() override;

  /// Everything buffered goes into the bucket, what runs in the background ends. With a store that
  /// never answers the caller makes it give up (cancel); then this returns an error.
  Task<Result<void>> stop();
  /// Writes a checkpoint now. Fails with: as Checkpointer.
  Task<Result<void>> checkpoint();
  [[nodiscard]] EngineStats stats();
  [[nodiscard]] const FrameCache& cache() const { return cache_; }
  /// Why nothing works any more, if so.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  Result<std::optional<std::string>> find(std::string_view key) override;
  Result<void> scan(std::string_view first, std::string_view end, const Visitor& visit) override;
  Result<std::optional<std::pair<std::string, std::string>>> find_floor(
      std::string_view first, std::string_view key) override;
  Task<Result<void>> admit(std::size_t data_bytes) override;
  void put(std::string_view key, std::string_view value) override;
  void erase(std::string_view key) override;
  DataRef append(ByteView bytes) override;
  bool overwrite(DataRef at, ByteView bytes) override;
  void add_reference(DataRef at, std::uint64_t length) override;
  void drop_reference(DataRef at, std::uint64_t length) override;
  [[nodiscard]] Seq open_segment() const override { return writer_.next_seq(); }
  [[nodiscard]] Seq durable_end() const override { return writer_.durable_end(); }
  Task<Result<void>> sync(Seq upto) override;
  Task<Result<void>> read(DataRef from, MutableByteView into,
                          const CancelFlag* cancel = nullptr) override;
  std::uint64_t prefetch(DataRef from, std::uint64_t length) override;
  [[nodiscard]] std::uint64_t prefetch_bytes_max() const override {
    return frames_.read_ahead_bytes_max();
  }
  [[nodiscard]] bool read_only() const override { return options_.read_only; }
  [[nodiscard]] Term term() const override { return {opened_.tip.epoch, opened_.log_end}; }
  void set_observer(Observer* observer) override { observer_ = observer; }

 private:
  /// The segment that transactions go into now.
  struct OpenSegment {
    format::SegmentId id;
    std::shared_ptr<Arena> arena;
    std::vector<Overlay::Map::const_iterator> keys;  // in the overlay; each once
    std::size_t batch_bytes = 0;
    [[nodiscard]] bool empty() const { return keys.empty() && arena->size() == 0; }
    [[nodiscard]] std::uint64_t bytes() const { return arena->size() + batch_bytes; }
  };
  Engine(LogAccess access, Options options);
  Task<Result<void>> start(OpenedLog opened);
  void begin_segment();
  void change(std::string_view key, std::optional<std::string_view> value);
  void seal(bool awaited);
  void on_durable(Flight& flight);
  void fail(Error error);
  void on_trouble();
  [[nodiscard]] bool open_is_full(std::size_t data_bytes) const;
  Result<std::shared_ptr<const format::FrameTable>> find_frames(Seq segment);

  // Background work.
  void arm_commit_timer();
  void arm_look_timer();
  void consider_checkpoint();
  Task<> run_checkpoint();
  Task<> look();
  Task<> sweep();

  LogAccess access_;
  Options options_;
  Metadata metadata_;
  LogReader reader_;
  IndexFeeder feeder_;
  LogWriter writer_;
  Checkpointer checkpointer_;
  SegmentAccounts accounts_;
  FrameCache cache_;
  BlockPool blocks_;
  FrameReader frames_;
  Reaper reaper_;
  OpenSegment open_;
  Gate background_;
  std::optional<Error> failure_;
  std::size_t syncs_waiting_ = 0;
  std::size_t writers_waiting_ = 0;
  std::uint64_t troubles_ = 0;  // how often the store gave up on a segment (soft time-out)
  bool stopping_ = false;
  bool checkpointing_ = false;
  bool commit_timer_set_ = false;
  Timers::Token commit_timer_ = 0;
  bool look_timer_set_ = false;
  Timers::Token look_timer_ = 0;
  bool committed_since_look_ = false;
  std::uint64_t batch_bytes_since_checkpoint_ = 0;
  std::uint64_t segments_since_checkpoint_ = 0;
  std::uint64_t checkpoints_ = 0;
  OpenedLog opened_;
  Observer* observer_ = nullptr;
};

}  // namespace cairn::engine
