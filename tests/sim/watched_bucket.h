#pragma once

#include <set>
#include <string>

#include "fsd/object_store/memory_store.h"

namespace cairn::sim {

/// The bucket of a world, which knows what came too late: a put that took effect after its key had
/// been deleted leaves an object that nobody can know of.
/// Threads: the simulation's.
class WatchedBucket final : public object_store::ObjectStore {
 public:
  [[nodiscard]] const auto& objects() const { return store_.objects(); }
  [[nodiscard]] bool came_late(const std::string& key) const { return late_.contains(key); }

  Task<Result<object_store::Object>> get(std::string key, object_store::ByteRange range) override {
    return store_.get(key, range);
  }
  Task<Result<std::string>> put(std::string key, SharedBytes body,
                                object_store::PutCondition condition) override {
    auto stored = co_await store_.put(key, body, condition);
    if (stored && removed_.contains(key)) late_.insert(key);
    co_return stored;
  }
  Task<Result<void>> remove(std::string key) override {
    removed_.insert(key);
    late_.erase(key);
    return store_.remove(key);
  }
  Task<Result<object_store::ListPage>> list(std::string prefix, std::string start_after,
                                            std::uint32_t limit) override {
    return store_.list(prefix, start_after, limit);
  }
  [[nodiscard]] std::string description() const override { return store_.description(); }

 private:
  object_store::MemoryStore store_;
  std::set<std::string> removed_;
  std::set<std::string> late_;
};

}  // namespace cairn::sim
