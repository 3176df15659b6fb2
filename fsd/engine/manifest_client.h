#pragma once

#include <optional>
#include <string>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/format/manifest.h"
#include "fsd/format/sealer.h"
#include "fsd/object_store/object_store.h"

namespace cairn::engine {

/// A manifest, with the etag that says it is still the one in the bucket.
struct StoredManifest {
  format::Manifest manifest;
  std::string etag;
};

/// Reads and replaces the volume's manifest, the one object that is ever changed.
/// Threads: core only.
/// Fails with: StoreErrc (also kCancelled), kLost when the manifest is gone, kDamaged,
/// kNewerFormat.
class ManifestClient {
 public:
  ManifestClient(object_store::ObjectStore& store, format::Sealer sealer,
                 format::VolumeIdentity identity, Random& random)
      : store_(store), sealer_(std::move(sealer)), identity_(identity), random_(random) {}

  /// One that arrives damaged is asked for once more.
  Task<Result<StoredManifest>> get();
  /// Compare-and-swap: `known` becomes `wanted`, which must differ from everything that was ever
  /// written (epoch, nonce, a generation that only grows). Nothing: another writer was faster.
  /// Answers that were lost are cleared up by reading again, so the outcome is always known.
  Task<Result<std::optional<StoredManifest>>> replace(StoredManifest known,
                                                      format::Manifest wanted);
  /// The first manifest of a new volume. False: there is one already.
  Task<Result<bool>> create(format::Manifest first);

 private:
  Task<Result<StoredManifest>> get_once();

  object_store::ObjectStore& store_;
  format::Sealer sealer_;
  format::VolumeIdentity identity_;
  Random& random_;
};

/// True if both are the same writing of the manifest.
[[nodiscard]] bool same_version(const format::Manifest& a, const format::Manifest& b);

}  // namespace cairn::engine
