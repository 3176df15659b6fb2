#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fsd/base/random.h"
#include "fsd/object_store/object_store.h"

namespace cairn::object_store {

/// What a provider can do, found out on scratch keys.
struct SelfTestReport {
  /// What the volume cannot be served without; one sentence each: what is missing and what to do.
  std::vector<std::string> problems;
  /// What the volume can be served without.
  std::vector<std::string> remarks;
  /// The provider takes etags in conditions only without their quotes (Ceph).
  bool bare_etags = false;

  [[nodiscard]] bool usable() const { return problems.empty(); }
};

/// Proves on `selftest/<random>/...`, before a volume is first served, what its safety stands on:
/// what was put is got, in parts and in lists; a missing object is "not found" and not "access
/// denied"; create-only puts create only; compare-and-swap swaps with the right etag and only with
/// that. No request is repeated here (give it a RetryingStore), some twenty-five are made, and the
/// scratch objects are removed.
///
/// `set_bare_etags` tells the S3 client how to write etags in conditions; it is called with what is
/// right at the end, so that the store can be used at once. Empty for stores without that question.
///
/// Threads: core only; `store` and `random` outlive the Task.
/// Fails with: what may_retry(), kBadCredentials, kClockSkew, kBucketMissing, kCancelled: when
/// the store could not be asked, nothing is known about what it can do.
Task<Result<SelfTestReport>> self_test(ObjectStore& store, Random& random,
                                       std::function<void(bool)> set_bare_etags);

}  // namespace cairn::object_store
