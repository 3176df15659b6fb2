#include "fsd/object_store/file_store.h"

#include <utility>

#include "fsd/object_store/key_rules.h"
#include "fsd/runtime/await.h"

namespace cairn::object_store {

Result<std::unique_ptr<FileStore>> FileStore::open(Strand& core, Executor& blocking,
                                                   std::string path,
                                                   ObjectDirectory::Options options) {
  TRY(auto directory, ObjectDirectory::open(path, options));
  return std::unique_ptr<FileStore>(
      new FileStore(core, blocking, std::move(path), std::move(directory)));
}

Task<Result<Object>> FileStore::get(std::string key, ByteRange range) {
  CO_TRY_OK(check_key(key));
  auto job = [this, &key, range] { return directory_->read(key, range); };
  co_return co_await RunOn(blocking_, core_, job);
}

Task<Result<std::string>> FileStore::put(std::string key, SharedBytes body,
                                         PutCondition condition) {
  CO_TRY_OK(check_key(key));
  CO_TRY_OK(check_condition(condition));
  auto job = [this, &key, &body, &condition] {
    return directory_->write(key, body.view(), condition);
  };
  co_return co_await RunOn(blocking_, core_, job);
}

Task<Result<void>> FileStore::remove(std::string key) {
  CO_TRY_OK(check_key(key));
  auto job = [this, &key] { return directory_->remove(key); };
  co_return co_await RunOn(blocking_, core_, job);
}

Task<Result<ListPage>> FileStore::list(std::string prefix, std::string start_after,
                                       std::uint32_t limit) {
  CO_TRY_OK(check_list(prefix, start_after, limit));
  auto job = [this, &prefix, &start_after, limit] {
    return directory_->list(prefix, start_after, limit);
  };
  co_return co_await RunOn(blocking_, core_, job);
}

}  // namespace cairn::object_store
