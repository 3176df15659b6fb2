#include "tests/sim/mutations/wire.h"

#include "fsd/base/check.h"
#include "fsd/runtime/await.h"

namespace cairn::sim {

using object_store::StoreErrc;

namespace {

template <class T>
class TypedRequest final : public Request {
 public:
  explicit TypedRequest(std::function<Task<Result<T>>()> send) : send_(std::move(send)) {}

  void apply() override {
    auto task = send_();
    CHECK(task.done());  // a MemoryStore is done when it returns
    last_ = task.take();
  }
  void answer() override {
    if (!last_) apply();
    if (!arrived.is_set()) arrived.set(*last_);
  }
  void fail(StoreErrc code) override {
    if (!arrived.is_set()) arrived.set(Error(code, "the story says so"));
  }

  OneShot<Result<T>> arrived;

 private:
  std::function<Task<Result<T>>()> send_;
  std::optional<Result<T>> last_;
};

}  // namespace

void Bucket::on_sent(const std::string& key, const SharedBytes& body) {
  if (!key.starts_with("log/")) return;
  auto header = format::decode_segment_header(body.view());
  if (!header) return;
  const std::string bytes(as_string(body.view()));
  const auto [at, first] = sent_.try_emplace(header->id.hex(), Sent{*header, bytes});
  if (!first && at->second.bytes != bytes) resealed_ = true;
}

std::vector<format::SegmentId> Bucket::history(format::SegmentId last) const {
  std::vector<format::SegmentId> ids{last};
  for (auto at = sent_.find(last.hex()); at != sent_.end();
       at = sent_.find(at->second.header.previous.hex())) {
    ids.push_back(at->second.header.previous);
  }
  return ids;
}

std::shared_ptr<Trap> Wire::trap(Op op, std::string key, std::size_t skip) {
  traps_.push_back(std::make_shared<Trap>(
      Trap{.op = op, .key = std::move(key), .skip = skip, .open = false, .caught = {}}));
  return traps_.back();
}

void Wire::cut() {
  cut_ = true;
  for (const auto& weak : std::exchange(outstanding_, {})) {
    if (auto request = weak.lock()) request->fail(StoreErrc::kCancelled);
  }
}

template <class T>
Task<Result<T>> Wire::pass(Op op, std::string key, std::function<Task<Result<T>>()> send) {
  if (cut_) co_return Error(StoreErrc::kCancelled, "");
  for (const auto& trap : traps_) {
    if (trap->open || trap->op != op || !key.starts_with(trap->key)) continue;
    if (trap->skip > 0) {
      --trap->skip;
      continue;
    }
    auto request = std::make_shared<TypedRequest<T>>(send);
    trap->caught.push_back(request);
    outstanding_.push_back(request);
    auto arrived = co_await request->arrived;
    co_return arrived;
  }
  auto done = co_await send();
  co_return done;
}

Task<Result<object_store::Object>> Wire::get(std::string key, object_store::ByteRange range) {
  Bucket& bucket = bucket_;
  return pass<object_store::Object>(Op::kGet, key,
                                    [&bucket, key, range] { return bucket.store.get(key, range); });
}

Task<Result<std::string>> Wire::put(std::string key, SharedBytes body,
                                    object_store::PutCondition condition) {
  Bucket& bucket = bucket_;
  bucket.on_sent(key, body);
  return pass<std::string>(Op::kPut, key, [&bucket, key, body, condition] {
    return bucket.store.put(key, body, condition);
  });
}

Task<Result<void>> Wire::remove(std::string key) {
  Bucket& bucket = bucket_;
  return pass<void>(Op::kRemove, key, [&bucket, key] { return bucket.store.remove(key); });
}

Task<Result<object_store::ListPage>> Wire::list(std::string prefix, std::string start_after,
                                                std::uint32_t limit) {
  Bucket& bucket = bucket_;
  return pass<object_store::ListPage>(Op::kList, prefix, [&bucket, prefix, start_after, limit] {
    return bucket.store.list(prefix, start_after, limit);
  });
}

}  // namespace cairn::sim
