#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "fsd/object_store/object_store.h"
#include "fsd/runtime/runtime.h"
#include "tests/support/sim_runtime.h"

namespace cairn::testing {

/// A process's connection to a store on a bad day: each request travels for a while, and may be
/// dropped on the way, answered with a failure that says nothing, or be applied and its answer
/// lost. What was sent and got no proper answer may take effect at any later time, more than once.
/// What got one is done with. Requests overtake each other.
///
/// One object is the connection of one life of a process. A crash of the process is disconnect():
/// its requests end with kCancelled, and what it had sent may still arrive, as the seed says. The
/// next life gets a connection of its own to the same `inner` store.
///
/// The same seed gives the same faults for the same requests in the same order.
///
/// Lifetime: may be destroyed once every Task has ended; `inner` and `runtime` live as long as
/// events run.   Threads: core only. `inner` must be done when it returns (MemoryStore).
class FaultyStore final : public object_store::ObjectStore {
 public:
  /// Each "one_in" is the chance 1/n of one request; 0 is never.
  struct Options {
    std::uint64_t drop_one_in = 0;         // never arrives (or much later); kUnavailable
    std::uint64_t lose_answer_one_in = 0;  // applied; kUnavailable
    std::uint64_t again_one_in = 2;        // of the two above: it takes effect (again) later
    std::uint64_t again_times_max = 3;
    std::uint64_t throttle_one_in = 0;  // kThrottled, not applied
    std::uint64_t conflict_one_in = 0;  // a conditional put: kConflict, applied or not
    std::uint64_t damage_one_in = 0;    // a get: kDamaged
    std::uint64_t stall_one_in = 0;     // travels for up to stall_max
    Duration delay_min = std::chrono::milliseconds(1);  // each way
    Duration delay_max = std::chrono::milliseconds(30);
    Duration stall_max = std::chrono::seconds(20);
    Duration timeout = std::chrono::seconds(5);  // until a lost request fails
    Duration late_max = std::chrono::minutes(10);

    /// A day on which everything goes wrong, now and then.
    static Options bad_day();
  };
  FaultyStore(object_store::ObjectStore& inner, Runtime& runtime, std::uint64_t seed,
              Options options);
  ~FaultyStore() override;

  Task<Result<object_store::Object>> get(std::string key, object_store::ByteRange range) override;
  Task<Result<std::string>> put(std::string key, SharedBytes body,
                                object_store::PutCondition condition) override;
  Task<Result<void>> remove(std::string key) override;
  Task<Result<object_store::ListPage>> list(std::string prefix, std::string start_after,
                                            std::uint32_t limit) override;
  [[nodiscard]] std::string description() const override;

  /// While it lasts nothing arrives and everything fails; what travels already is lost or late.
  void set_outage(bool away);
  void set_options(Options options);
  /// The process is stopped (SIGSTOP): what it sent travels on, but it hears nothing and sends
  /// nothing until it goes on.
  void set_paused(bool paused);
  /// The process dies: all that is outstanding ends with kCancelled before this returns, and so
  /// does every later call at once.
  void disconnect();

  [[nodiscard]] std::size_t outstanding() const;
  /// Requests that did not get what the store would have answered.
  [[nodiscard]] std::uint64_t faults() const;

 private:
  struct Wire;
  std::shared_ptr<Wire> wire_;  // shared with the events that outlive a crash
};

}  // namespace cairn::testing
