#include "fsd/object_store/counting_store.h"

#include <utility>

namespace cairn::object_store {

template <class T>
void CountingStore::ended(RequestCounts& kind, const Result<T>& answer) {
  --in_flight_;
  ++kind.requests;
  if (answer.has_value() || is(answer.error(), StoreErrc::kNotFound) ||
      is(answer.error(), StoreErrc::kPreconditionFailed)) {
    return;
  }
  ++kind.failures;
}

Task<Result<Object>> CountingStore::get(std::string key, ByteRange range) {
  ++in_flight_;
  Result<Object> answer = co_await inner_.get(std::move(key), range);
  ended(counts_.gets, answer);
  if (answer) counts_.gets.bytes += answer->body.size();
  co_return answer;
}

Task<Result<std::string>> CountingStore::put(std::string key, SharedBytes body,
                                             PutCondition condition) {
  ++in_flight_;
  const std::size_t bytes = body.size();
  Result<std::string> answer =
      co_await inner_.put(std::move(key), std::move(body), std::move(condition));
  ended(counts_.puts, answer);
  counts_.puts.bytes += bytes;  // sent, whatever the answer was
  co_return answer;
}

Task<Result<void>> CountingStore::remove(std::string key) {
  ++in_flight_;
  Result<void> answer = co_await inner_.remove(std::move(key));
  ended(counts_.removes, answer);
  co_return answer;
}

Task<Result<ListPage>> CountingStore::list(std::string prefix, std::string start_after,
                                           std::uint32_t limit) {
  ++in_flight_;
  Result<ListPage> answer = co_await inner_.list(std::move(prefix), std::move(start_after), limit);
  ended(counts_.lists, answer);
  co_return answer;
}

}  // namespace cairn::object_store
