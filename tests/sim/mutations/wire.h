#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fsd/format/segment.h"
#include "fsd/object_store/memory_store.h"

namespace cairn::sim {

/// The bucket, and what a judge wants to know of it: every segment that was ever in the log.
/// Threads: the simulation's.
class Bucket {
 public:
  object_store::MemoryStore store;

  /// A segment is sent: the same segment always as the same bytes, or `resealed` says so.
  void on_sent(const std::string& key, const SharedBytes& body);
  /// The history that ends with this segment: the ids of it and of all before it.
  [[nodiscard]] std::vector<format::SegmentId> history(format::SegmentId last) const;
  [[nodiscard]] bool holds(const std::string& key) const { return store.objects().contains(key); }
  [[nodiscard]] bool resealed() const { return resealed_; }

 private:
  struct Sent {
    format::SegmentHeader header;
    std::string bytes;
  };
  std::map<std::string, Sent> sent_;  // by id
  bool resealed_ = false;
};

enum class Op : std::uint8_t { kGet, kPut, kRemove, kList };

/// A request that was caught on its way. It may take effect at any time, any number of times, also
/// after its sender's end; its sender hears of it once.
class Request {
 public:
  virtual ~Request() = default;
  virtual void apply() = 0;
  /// The sender gets what apply() was answered last. In the core.
  virtual void answer() = 0;
  /// The sender gets an error, whatever happened. In the core.
  virtual void fail(object_store::StoreErrc code) = 0;
};

/// Catches requests whose key begins with `key`, after letting `skip` of them pass.
struct Trap {
  Op op = Op::kGet;
  std::string key;
  std::size_t skip = 0;
  bool open = false;  // catches nothing any more
  std::vector<std::shared_ptr<Request>> caught;
};

/// One life of a daemon's connection to the bucket. What no trap catches is answered at once.
/// Lifetime: outlives every Task.   Threads: core only, but for trap().
class Wire final : public object_store::ObjectStore {
 public:
  explicit Wire(Bucket& bucket) : bucket_(bucket) {}

  std::shared_ptr<Trap> trap(Op op, std::string key, std::size_t skip = 0);
  /// The sender dies: all that it waits for ends with kCancelled, and so does all that comes later.
  void cut();

  Task<Result<object_store::Object>> get(std::string key, object_store::ByteRange range) override;
  Task<Result<std::string>> put(std::string key, SharedBytes body,
                                object_store::PutCondition condition) override;
  Task<Result<void>> remove(std::string key) override;
  Task<Result<object_store::ListPage>> list(std::string prefix, std::string start_after,
                                            std::uint32_t limit) override;
  [[nodiscard]] std::string description() const override { return "a wire"; }

 private:
  template <class T>
  Task<Result<T>> pass(Op op, std::string key, std::function<Task<Result<T>>()> send);

  Bucket& bucket_;
  std::vector<std::shared_ptr<Trap>> traps_;
  std::vector<std::weak_ptr<Request>> outstanding_;
  bool cut_ = false;
};

}  // namespace cairn::sim
