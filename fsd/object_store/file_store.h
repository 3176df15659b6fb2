#pragma once

#include <memory>
#include <string>

#include "fsd/object_store/object_directory.h"
#include "fsd/object_store/object_store.h"
#include "fsd/runtime/strand.h"

namespace cairn::object_store {

/// A directory as a store (`file:///dir`): see object_directory.h for how it is kept.
/// What blocks on the disk runs on `blocking`; as many puts are synced at a time as it has threads.
///
/// Lifetime: outlived by `core` and `blocking`; outlives every Task.
/// Threads: core only; any number of processes may use one directory.
/// Fails with: what ObjectDirectory fails with. A full disk is kUnavailable, so that writers wait
/// until there is space again.
class FileStore final : public ObjectStore {
 public:
  /// Opens or makes the directory. Blocks: for the start of a program.
  static Result<std::unique_ptr<FileStore>> open(Strand& core, Executor& blocking, std::string path,
                                                 ObjectDirectory::Options options);
  static Result<std::unique_ptr<FileStore>> open(Strand& core, Executor& blocking,
                                                 std::string path) {
    return open(core, blocking, std::move(path), ObjectDirectory::Options());
  }

  Task<Result<Object>> get(std::string key, ByteRange range) override;
  Task<Result<std::string>> put(std::string key, SharedBytes body, PutCondition condition) override;
  Task<Result<void>> remove(std::string key) override;
  Task<Result<ListPage>> list(std::string prefix, std::string start_after,
                              std::uint32_t limit) override;
  [[nodiscard]] std::string description() const override { return "file://" + path_; }

 private:
  FileStore(Strand& core, Executor& blocking, std::string path,
            std::unique_ptr<ObjectDirectory> directory)
      : core_(core),
        blocking_(blocking),
        path_(std::move(path)),
        directory_(std::move(directory)) {}

  Strand& core_;
  Executor& blocking_;
  std::string path_;
  std::unique_ptr<ObjectDirectory> directory_;
};

}  // namespace cairn::object_store
