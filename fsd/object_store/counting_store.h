#pragma once

#include <cstdint>
#include <string>

#include "fsd/object_store/object_store.h"

namespace cairn::object_store {

/// Requests of one kind. Counted when they end.
struct RequestCounts {
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;  // of them; "not found" and "precondition failed" are answers, too
  std::uint64_t bytes = 0;     // of objects, sent or received

  friend RequestCounts operator-(RequestCounts a, const RequestCounts& b) {
    return {a.requests - b.requests, a.failures - b.failures, a.bytes - b.bytes};
  }
  bool operator==(const RequestCounts&) const = default;
};

/// What went over the wire up to some moment; subtract two for what went between them.
struct StoreCounts {
  RequestCounts gets;
  RequestCounts puts;
  RequestCounts removes;
  RequestCounts lists;

  [[nodiscard]] std::uint64_t requests() const {
    return gets.requests + puts.requests + removes.requests + lists.requests;
  }
  friend StoreCounts operator-(const StoreCounts& a, const StoreCounts& b) {
    return {a.gets - b.gets, a.puts - b.puts, a.removes - b.removes, a.lists - b.lists};
  }
  bool operator==(const StoreCounts&) const = default;
};

/// Counts requests and bytes by kind. Put it below the retries to count what is really sent.
/// Lifetime: outlived by `inner`; outlives every Task.   Threads: core only.
class CountingStore final : public ObjectStore {
 public:
  explicit CountingStore(ObjectStore& inner) : inner_(inner) {}

  Task<Result<Object>> get(std::string key, ByteRange range) override;
  Task<Result<std::string>> put(std::string key, SharedBytes body, PutCondition condition) override;
  Task<Result<void>> remove(std::string key) override;
  Task<Result<ListPage>> list(std::string prefix, std::string start_after,
                              std::uint32_t limit) override;
  [[nodiscard]] std::string description() const override { return inner_.description(); }

  [[nodiscard]] const StoreCounts& counts() const { return counts_; }
  /// Requests that have begun and not ended.
  [[nodiscard]] std::uint64_t in_flight() const { return in_flight_; }

 private:
  template <class T>
  void ended(RequestCounts& kind, const Result<T>& answer);

  ObjectStore& inner_;
  StoreCounts counts_;
  std::uint64_t in_flight_ = 0;
};

}  // namespace cairn::object_store
