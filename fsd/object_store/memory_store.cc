#include "fsd/object_store/memory_store.h"

#include "fsd/base/check.h"
#include "fsd/object_store/content_etag.h"
#include "fsd/object_store/key_rules.h"

namespace cairn::object_store {

Result<void> MemoryStore::check_place(std::string_view key) const {
  for (auto slash = key.find('/'); slash != key.npos; slash = key.find('/', slash + 1)) {
    if (objects_.contains(key.substr(0, slash))) {
      return Error(StoreErrc::kBadRequest, "a part of a key is itself an object", std::string(key));
    }
  }
  const std::string below = std::string(key) + '/';
  const auto next = objects_.lower_bound(below);
  if (next != objects_.end() && next->first.starts_with(below)) {
    return Error(StoreErrc::kBadRequest, "a key is the beginning of others", std::string(key));
  }
  return {};
}

Task<Result<Object>> MemoryStore::get(std::string key, ByteRange range) {
  CO_TRY_OK(check_key(key));
  const auto found = objects_.find(key);
  if (found == objects_.end()) co_return Error(StoreErrc::kNotFound, "", std::move(key));
  const Stored& stored = found->second;
  const Covered part = covered(range, stored.body.size());
  co_return Object{.body = stored.body.slice(part.offset, part.length),
                   .etag = stored.etag,
                   .size = stored.body.size()};
}

Task<Result<std::string>> MemoryStore::put(std::string key, SharedBytes body,
                                           PutCondition condition) {
  CO_TRY_OK(check_key(key));
  CO_TRY_OK(check_condition(condition));
  CO_TRY_OK(check_place(key));
  const auto found = objects_.find(key);
  const bool exists = found != objects_.end();
  const bool holds = condition.only_if_absent ? !exists
                     : condition.if_etag      ? exists && found->second.etag == *condition.if_etag
                                              : true;
  if (!holds) co_return Error(StoreErrc::kPreconditionFailed, "", std::move(key));
  std::string etag = content_etag(body.view());
  objects_.insert_or_assign(std::move(key), Stored{.body = std::move(body), .etag = etag});
  co_return etag;
}

Task<Result<void>> MemoryStore::remove(std::string key) {
  CO_TRY_OK(check_key(key));
  objects_.erase(key);
  co_return Result<void>();
}

Task<Result<ListPage>> MemoryStore::list(std::string prefix, std::string start_after,
                                         std::uint32_t limit) {
  CO_TRY_OK(check_list(prefix, start_after, limit));
  ListPage page;
  auto at = start_after < prefix ? objects_.lower_bound(prefix) : objects_.upper_bound(start_after);
  for (; at != objects_.end() && at->first.starts_with(prefix); ++at) {
    if (page.objects.size() == limit) {
      page.more = true;
      break;
    }
    page.objects.push_back({.key = at->first, .size = at->second.body.size()});
  }
  co_return page;
}

void MemoryStore::damage(std::string_view key, std::uint64_t offset) {
  const auto found = objects_.find(key);
  CHECK(found != objects_.end() && offset < found->second.body.size());
  std::string bytes(as_string(found->second.body.view()));
  bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
  found->second.body = SharedBytes::from(std::move(bytes));
}

void MemoryStore::lose(std::string_view key) {
  const auto found = objects_.find(key);
  CHECK(found != objects_.end());
  objects_.erase(found);
}

}  // namespace cairn::object_store
