#pragma once

#include <map>
#include <string>
#include <vector>

#include "fsd/engine/volume.h"
#include "fsd/runtime/await.h"

namespace cairn::testing {

/// A Volume in memory, for tests of the POSIX core without the engine. Every transaction is kept,
/// so that crash() can go back to the last sync; reference counts are checked.
class MemoryVolume final : public engine::Volume {
 public:
  Result<std::optional<std::string>> find(std::string_view key) override;
  Result<void> scan(std::string_view first, std::string_view end, const Visitor& visit) override;
  Result<std::optional<std::pair<std::string, std::string>>> find_floor(
      std::string_view first, std::string_view key) override;
  Task<Result<void>> admit(std::size_t data_bytes) override;
  void put(std::string_view key, std::string_view value) override;
  void erase(std::string_view key) override;
  engine::DataRef append(ByteView bytes) override;
  bool overwrite(engine::DataRef at, ByteView bytes) override;
  void add_reference(engine::DataRef at, std::uint64_t length) override;
  void drop_reference(engine::DataRef at, std::uint64_t length) override;
  [[nodiscard]] Seq open_segment() const override { return open_; }
  [[nodiscard]] Seq durable_end() const override { return open_; }
  Task<Result<void>> sync(Seq upto) override;
  Task<Result<void>> read(engine::DataRef from, MutableByteView into,
                          const CancelFlag* cancel) override;
  std::uint64_t prefetch(engine::DataRef, std::uint64_t length) override { return length; }
  [[nodiscard]] bool read_only() const override { return read_only_; }
  [[nodiscard]] Term term() const override { return {Epoch(epoch_), log_end_}; }
  void set_observer(Observer* observer) override { observer_ = observer; }

  void set_read_only(bool value) { read_only_ = value; }
  /// Bytes referenced by extents, over all segments; 0 when every file is gone.
  [[nodiscard]] std::int64_t referenced_bytes() const;
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& keys() const {
    return keys_;
  }
  [[nodiscard]] std::uint64_t syncs() const { return syncs_; }
  [[nodiscard]] std::uint64_t admits() const { return admits_; }
  /// Back to the last sync; what a power cut would leave. The next term begins.
  void crash();
  /// A new volume.
  void wipe();
  /// From now on sync() waits; what has waited goes on when it no longer does.
  void hold_syncs(bool held) {
    syncs_held_ = held;
    if (!held) syncs_go_on_.notify_all();
  }
  /// From now on every read of file bytes fails with kDamaged.
  void damage_data() { damaged_ = true; }

 private:
  struct Segment {
    std::string bytes;
    std::int64_t references = 0;
  };
  std::map<std::string, std::string, std::less<>> keys_;
  std::map<Seq, Segment> segments_;
  std::map<std::string, std::string, std::less<>> durable_keys_;
  std::map<Seq, Segment> durable_segments_;
  Seq open_{1};
  std::uint64_t epoch_ = 1;
  Seq log_end_{1};
  Observer* observer_ = nullptr;
  std::uint64_t syncs_ = 0;
  std::uint64_t admits_ = 0;
  bool read_only_ = false;
  bool damaged_ = false;
  bool syncs_held_ = false;
  Condition syncs_go_on_;
};

}  // namespace cairn::testing
