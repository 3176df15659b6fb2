#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "fsd/object_store/object_store.h"
#include "fsd/runtime/await.h"
#include "fsd/runtime/runtime.h"

namespace cairn::object_store {

/// At most so many requests at a time, in the order of arrival; and, if asked for, a slow link:
/// so many bytes per second each way, shared fairly by what is under way, and a latency that every
/// request pays.
///
/// Lifetime: outlived by `inner` and `runtime`; outlives every Task.   Threads: core only.
/// Fails with: what `inner` fails with.
class LimitedStore final : public ObjectStore {
 public:
  struct Options {
    std::size_t concurrent_max = 64;
    std::uint64_t up_bytes_per_s = 0;    // 0: as fast as it goes
    std::uint64_t down_bytes_per_s = 0;  // 0: as fast as it goes
    Duration latency{};                  // before each answer, besides the transfer
  };
  LimitedStore(ObjectStore& inner, Runtime& runtime, Options options);

  Task<Result<Object>> get(std::string key, ByteRange range) override;
  Task<Result<std::string>> put(std::string key, SharedBytes body, PutCondition condition) override;
  Task<Result<void>> remove(std::string key) override;
  Task<Result<ListPage>> list(std::string prefix, std::string start_after,
                              std::uint32_t limit) override;
  [[nodiscard]] std::string description() const override { return inner_.description(); }

  [[nodiscard]] std::size_t running() const { return running_; }
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }

 private:
  /// One direction. A token bucket that holds no more than one piece: what is sent is cut into
  /// pieces, and each takes its turn after those that were asked for before it, so that requests
  /// share the link as TCP streams do instead of waiting for one another.
  struct Link {
    std::uint64_t bytes_per_s = 0;
    Duration free_at{};  // when the last piece asked for so far has passed
  };
  Task<> enter();
  void leave();
  Task<> transfer(Link& link, std::uint64_t bytes);
  Task<> wait_latency();

  ObjectStore& inner_;
  Runtime& runtime_;
  Options options_;
  Link up_;
  Link down_;
  std::size_t running_ = 0;
  std::deque<OneShot<bool>*> queue_;
};

}  // namespace cairn::object_store
