#include "fsd/engine/manifest_client.h"

#include "fsd/base/log.h"
#include "fsd/engine/protocol_rules.h"
#include "fsd/engine/volume.h"
#include "fsd/format/format_error.h"
#include "fsd/format/names.h"

namespace cairn::engine {

using object_store::PutCondition;
using object_store::StoreErrc;

bool same_version(const format::Manifest& a, const format::Manifest& b) {
  return a.epoch == b.epoch && (a.nonce == b.nonce || !rule(Rule::kNonce)) &&
         a.generation == b.generation;
}

Task<Result<StoredManifest>> ManifestClient::get() {
  auto manifest = co_await get_once();
  if (manifest || !is(manifest.error(), EngineErrc::kDamaged)) co_return manifest;
  log::warn("{}; asking again", manifest.error().message());
  co_return co_await get_once();
}

Task<Result<StoredManifest>> ManifestClient::get_once() {
  auto object = co_await store_.get(std::string(format::kManifestName), {});
  if (!object) {
    if (is(object.error(), StoreErrc::kNotFound)) {
      co_return Error(EngineErrc::kLost, "the volume's manifest is gone from the bucket");
    }
    co_return object.error();
  }
  auto manifest = format::decode_manifest(object->body.view(), sealer_);
  if (!manifest) {
    const bool newer = is(manifest.error(), format::FormatErrc::kNewer);
    co_return Error(newer ? EngineErrc::kNewerFormat : EngineErrc::kDamaged,
                    "the volume's manifest cannot be read", manifest.error().message());
  }
  if (manifest->identity != identity_) {
    co_return Error(EngineErrc::kDamaged, "the manifest belongs to another volume");
  }
  co_return StoredManifest{std::move(*manifest), std::move(object->etag)};
}

Task<Result<std::optional<StoredManifest>>> ManifestClient::replace(StoredManifest known,
                                                                    format::Manifest wanted) {
  using Outcome = std::optional<StoredManifest>;
  // Encoded once: what is sent again after a lost answer is the same bytes.
  const SharedBytes body = SharedBytes::from(format::encode_manifest(wanted, sealer_, random_));
  for (;;) {
    auto put = co_await store_.put(std::string(format::kManifestName), body,
                                   PutCondition::etag(known.etag));
    if (put) co_return Outcome(StoredManifest{std::move(wanted), std::move(*put)});
    const bool refused =
        is(put.error(), StoreErrc::kPreconditionFailed) || is(put.error(), StoreErrc::kNotFound);
    if (!refused && !object_store::may_retry(put.error())) co_return put.error();
    CO_TRY(StoredManifest now, co_await get());
    if (same_version(now.manifest, wanted)) co_return Outcome(std::move(now));
    if (now.etag != known.etag) co_return Outcome();
    if (refused) {
      co_return Error(StoreErrc::kBadRequest,
                      "the store refuses to replace the manifest though it has not changed: its "
                      "conditional writes (If-Match) do not work");
    }
  }
}

Task<Result<bool>> ManifestClient::create(format::Manifest first) {
  const SharedBytes body = SharedBytes::from(format::encode_manifest(first, sealer_, random_));
  auto put = co_await store_.put(std::string(format::kManifestName), body, PutCondition::absent());
  if (put) co_return true;
  if (is(put.error(), StoreErrc::kPreconditionFailed)) co_return false;
  co_return put.error();
}

}  // namespace cairn::engine
