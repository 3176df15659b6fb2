#pragma once

#include <map>
#include <string>

#include "fsd/object_store/object_store.h"

namespace cairn::object_store {

/// A store in memory: for `memory:` volumes, and below the simulator's faults. Every call is done
/// when it returns; there is no thread, clock or randomness in it.
///
/// Stricter than S3, so that a mistake shows here and not on somebody else's store: besides the
/// rules for keys, a key may not at once be an object and the "directory" of another (a directory
/// as a store cannot hold both).
/// Lifetime: outlives every Task.   Threads: one strand.   Fails with: kNotFound,
/// kPreconditionFailed, kBadRequest.
class MemoryStore final : public ObjectStore {
 public:
  Task<Result<Object>> get(std::string key, ByteRange range) override;
  Task<Result<std::string>> put(std::string key, SharedBytes body, PutCondition condition) override;
  Task<Result<void>> remove(std::string key) override;
  Task<Result<ListPage>> list(std::string prefix, std::string start_after,
                              std::uint32_t limit) override;
  [[nodiscard]] std::string description() const override { return "memory:"; }

  struct Stored {
    SharedBytes body;
    std::string etag;
  };
  using Objects = std::map<std::string, Stored, std::less<>>;
  /// What is in it now, in the order of keys: for checkers of a simulation.
  [[nodiscard]] const Objects& objects() const { return objects_; }
  /// Flips a bit of a stored byte, as a failing disk does; the etag stays. For tests.
  void damage(std::string_view key, std::uint64_t offset);
  /// Deletes behind everybody's back, as somebody's lifecycle rule does. For tests.
  void lose(std::string_view key);

 private:
  [[nodiscard]] Result<void> check_place(std::string_view key) const;

  Objects objects_;
};

}  // namespace cairn::object_store
