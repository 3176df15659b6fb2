#pragma once

#include <functional>
#include <optional>
#include <string>

#include "fsd/engine/volume.h"
#include "tests/sim/history.h"
#include "tests/support/sim_runtime.h"

namespace cairn::sim {

/// A Volume that gives each transaction a number and puts it into that very transaction, so that
/// whoever finds the volume later knows which one was the last.
/// Lifetime: `inner` outlives it.   Threads: core only.
class TaggedVolume final : public engine::Volume {
 public:
  struct Events {
    /// A transaction makes its first change: its number, please.
    std::function<Txn()> on_begin;
    std::function<void(const std::string&)> on_violation;
  };
  static constexpr const char* kTag = "q-txn";

  TaggedVolume(engine::Volume& inner, testing::SimRuntime& sim, Events events)
      : inner_(inner), sim_(sim), events_(std::move(events)) {}

  /// What the next admit() admits is to be known: its number goes to `*txn`, which must live as
  /// long as that transaction has not ended. nullptr: nothing is expected any more.
  void expect(Txn* txn) { expected_ = txn; }
  /// The operation whose transaction was expected has ended. False if it asked for another
  /// transaction in the middle of its own: an admit may close the segment, and a crash would then
  /// leave half of it.
  [[nodiscard]] bool end();

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
  [[nodiscard]] Seq open_segment() const override { return inner_.open_segment(); }
  [[nodiscard]] Seq durable_end() const override { return inner_.durable_end(); }
  Task<Result<void>> sync(Seq upto) override { return inner_.sync(upto); }
  Task<Result<void>> read(engine::DataRef from, MutableByteView into,
                          const CancelFlag* cancel) override {
    return inner_.read(from, into, cancel);
  }
  std::uint64_t prefetch(engine::DataRef from, std::uint64_t length) override {
    return inner_.prefetch(from, length);
  }
  [[nodiscard]] std::uint64_t prefetch_bytes_max() const override {
    return inner_.prefetch_bytes_max();
  }
  [[nodiscard]] bool read_only() const override { return inner_.read_only(); }
  [[nodiscard]] Term term() const override { return inner_.term(); }
  void set_observer(Observer* observer) override { inner_.set_observer(observer); }

  /// Called before each admit: the place to seal the open segment, as an admit may. The admit then
  /// waits for as long as it says, as one does when the window is full.
  std::function<Duration()> before_admit;

 private:
  void on_change();
  [[nodiscard]] std::string names();

  engine::Volume& inner_;
  testing::SimRuntime& sim_;
  Events events_;
  Txn* expected_ = nullptr;
  Txn* wanted_ = nullptr;  // of the transaction that is admitted
  bool fresh_ = false;     // it has not changed anything yet
  bool ours_ = false;      // an expected one has begun, and its operation has not ended
  std::optional<std::string> names_within_;  // as they were when another was admitted within it
  std::uint64_t admitted_at_ = 0;
};

}  // namespace cairn::sim
