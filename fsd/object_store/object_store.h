#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fsd/base/bytes.h"
#include "fsd/base/result.h"
#include "fsd/base/task.h"

namespace cairn::object_store {

/// What went wrong, as far as a caller must tell cases apart. default_error_condition() names the
/// errno: all are EIO but where it says otherwise.
enum class StoreErrc {
  kNotFound = 1,        // no such object (ENOENT)
  kPreconditionFailed,  // the object exists, or has another etag: nothing was written (EEXIST)
  kConflict,            // a concurrent conditional write; says nothing about the outcome
  kUnavailable,         // 5xx, time-out, refused, reset: says nothing about the outcome
  kThrottled,           // SlowDown, 429: says nothing about the outcome
  kAccessDenied,        // credentials are valid but may not do this (EACCES)
  kBadCredentials,      // unknown key, wrong secret, expired token (EACCES)
  kClockSkew,           // the store refuses our clock
  kBucketMissing,
  kBadRequest,  // the store did not understand us; trying again will not help
  kDamaged,     // fewer or other bytes than announced
  kCancelled,   // we are stopping
};
const std::error_category& store_category();
std::error_code make_error_code(StoreErrc code);
/// True if `error` is a StoreErrc `code`.
bool is(const Error& error, StoreErrc code);
/// True for what may succeed when the same bytes are sent again: kConflict, kUnavailable,
/// kThrottled, kDamaged.
bool may_retry(const Error& error);

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = UINT64_MAX;  // to the end of the object if it is shorter
};

struct Object {
  SharedBytes body;        // what the range covers; may be shorter than asked at the object's end
  std::string etag;        // opaque; give it back as it came
  std::uint64_t size = 0;  // of the whole object
};

struct ListedObject {
  std::string key;
  std::uint64_t size = 0;
};
struct ListPage {
  std::vector<ListedObject> objects;  // ascending by key
  bool more = false;
};

/// When a put may take effect. The default is always.
struct PutCondition {
  bool only_if_absent = false;         // If-None-Match: *
  std::optional<std::string> if_etag;  // If-Match: the object's content is still this one
  static PutCondition absent() { return {.only_if_absent = true, .if_etag = {}}; }
  static PutCondition etag(std::string tag) {
    return {.only_if_absent = false, .if_etag = std::move(tag)};
  }
};

/// A flat map from keys to immutable-or-replaced objects: the one way to durable storage.
/// Keys are relative to the volume's prefix, '/'-separated, of [A-Za-z0-9._/-], at most 512 bytes.
/// A put that was acknowledged is durable and visible to every later get and list (strong
/// consistency). A put whose answer was lost may take effect at any later time, more than once.
/// Lifetime: outlives every Task it returned.   Threads: core only; Tasks resume in the core.
/// Fails with: StoreErrc.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  /// kNotFound if there is no such object. An offset at or past the end yields an empty body.
  virtual Task<Result<Object>> get(std::string key, ByteRange range) = 0;
  /// The new etag. kPreconditionFailed if the condition does not hold (an absent object fails
  /// if_etag with kPreconditionFailed too).
  virtual Task<Result<std::string>> put(std::string key, SharedBytes body,
                                        PutCondition condition) = 0;
  /// Succeeds also when there is no such object.
  virtual Task<Result<void>> remove(std::string key) = 0;
  /// Up to `limit` (at most 1,000) keys that start with `prefix` and sort after `start_after`.
  virtual Task<Result<ListPage>> list(std::string prefix, std::string start_after,
                                      std::uint32_t limit) = 0;
  /// For people: "s3://bucket/prefix at http://...".
  [[nodiscard]] virtual std::string description() const = 0;
};

}  // namespace cairn::object_store

template <>
struct std::is_error_code_enum<cairn::object_store::StoreErrc> : std::true_type {};
