#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "fsd/object_store/object_store.h"

namespace cairn::testing {

/// Flips a byte of the answers to the next `bad_gets` GETs of keys that begin with `bad_prefix`,
/// and notes what was asked for.
/// Threads: core only.
class BadLink final : public object_store::ObjectStore {
 public:
  explicit BadLink(ObjectStore& inner) : inner_(inner) {}
  Task<Result<object_store::Object>> get(std::string key, object_store::ByteRange range) override {
    const bool bad = key.starts_with(bad_prefix);
    lengths.push_back(range.length);
    gets_peak = std::max(gets_peak, ++gets_under_way);
    auto object = co_await inner_.get(std::move(key), range);
    --gets_under_way;
    if (object && bad && bad_gets > 0) {
      --bad_gets;
      std::string bytes(as_string(object->body.view()));
      bytes[bytes.size() / 2] ^= 1;
      object->body = SharedBytes::from(std::move(bytes));
    }
    co_return object;
  }
  Task<Result<std::string>> put(std::string key, SharedBytes body,
                                object_store::PutCondition condition) override {
    return inner_.put(std::move(key), std::move(body), std::move(condition));
  }
  Task<Result<void>> remove(std::string key) override { return inner_.remove(std::move(key)); }
  Task<Result<object_store::ListPage>> list(std::string prefix, std::string after,
                                            std::uint32_t limit) override {
    return inner_.list(std::move(prefix), std::move(after), limit);
  }
  [[nodiscard]] std::string description() const override { return inner_.description(); }

  int bad_gets = 0;
  std::string bad_prefix;
  std::vector<std::uint64_t> lengths;
  std::uint64_t gets_under_way = 0;
  std::uint64_t gets_peak = 0;

 private:
  ObjectStore& inner_;
};

}  // namespace cairn::testing
