#include "fsd/engine/volume_setup.h"

#include <vector>

#include "fsd/base/log.h"
#include "fsd/engine/manifest_client.h"
#include "fsd/engine/volume.h"
#include "fsd/format/format_error.h"
#include "fsd/format/names.h"
#include "fsd/object_store/key_rules.h"
#include "fsd/runtime/await.h"

namespace cairn::engine {

using object_store::PutCondition;
using object_store::StoreErrc;

namespace {

Error from_format(const Error& error) {
  using format::FormatErrc;
  if (is(error, FormatErrc::kNewer)) {
    return Error(EngineErrc::kNewerFormat,
                 "the volume was written by a newer version of Cairn: upgrade this one",
                 error.message());
  }
  if (is(error, FormatErrc::kWrongPassword)) {
    return Error(EngineErrc::kWrongPassword, "the password does not open this volume");
  }
  if (is(error, FormatErrc::kPasswordMissing)) {
    return Error(EngineErrc::kWrongPassword,
                 "the volume is encrypted: set storage.encryption_password");
  }
  if (is(error, FormatErrc::kNotEncrypted)) {
    return Error(EngineErrc::kWrongPassword,
                 "the volume was made without encryption: remove storage.encryption_password");
  }
  if (is(error, FormatErrc::kDamaged)) {
    return Error(EngineErrc::kDamaged, "the volume's object 'volume' is damaged", error.message());
  }
  return error;
}

Task<Result<std::optional<object_store::Object>>> read_volume_object(
    object_store::ObjectStore& store) {
  using Found = std::optional<object_store::Object>;
  auto object = co_await store.get(std::string(format::kVolumeName), {});
  if (object) co_return Found(std::move(*object));
  if (is(object.error(), StoreErrc::kNotFound)) co_return Found();
  co_return object.error();
}

/// Argon2 takes its time, so it runs on the pool.
Task<Result<format::UnlockedVolume>> unlock(Runtime& runtime, SharedBytes object,
                                            std::optional<std::string> password) {
  auto work = [object, password]() -> Result<format::UnlockedVolume> {
    TRY(auto volume, format::VolumeObject::decode(object.view()));
    std::optional<std::string_view> view;
    if (password) view = *password;
    return volume.unlock(view);
  };
  auto unlocked = co_await RunOn(runtime.pool, runtime.core, std::move(work));
  if (!unlocked) co_return from_format(unlocked.error());
  co_return std::move(*unlocked);
}

Task<Result<bool>> prefix_is_empty(object_store::ObjectStore& store) {
  CO_TRY(auto page, co_await store.list("", "", 2));
  const bool is_empty = page.objects.empty();
  co_return is_empty;
}

/// Are there objects of a volume, where the object 'volume' is missing?
Task<Result<bool>> has_remains(object_store::ObjectStore& store) {
  for (const auto prefix : {format::kLogPrefix, format::kTablePrefix}) {
    CO_TRY(auto page, co_await store.list(std::string(prefix), "", object_store::kListLimitMax));
    for (const auto& listed : page.objects) {
      if (format::parse_object_name(listed.key)) co_return true;
    }
  }
  co_return false;
}

Task<Result<void>> make_volume_object(Runtime& runtime, object_store::ObjectStore& store,
                                      SetupOptions options) {
  format::VolumeParameters parameters;
  parameters.identity = {.volume = format::random_uuid(runtime.random),
                         .incarnation = format::random_uuid(runtime.random)};
  parameters.window = options.window;
  parameters.created = runtime.clock.wall().count();
  Random& random = runtime.random;
  auto work = [parameters, options, &random] {
    std::optional<std::string_view> password;
    if (options.password) password = *options.password;
    return format::create_volume_object(parameters, password, options.cost, random);
  };
  auto object = co_await RunOn(runtime.pool, runtime.core, std::move(work));
  if (!object) co_return object.error();
  auto put = co_await store.put(std::string(format::kVolumeName),
                                SharedBytes::from(std::move(*object)), PutCondition::absent());
  // Somebody else was faster: his volume is as good.
  if (!put && !is(put.error(), StoreErrc::kPreconditionFailed)) co_return put.error();
  co_return Result<void>();
}

/// The first manifest: written right after the object `volume`, or now, if that was interrupted.
Task<Result<void>> make_manifest(Runtime& runtime, object_store::ObjectStore& store,
                                 format::UnlockedVolume volume) {
  auto there = co_await store.get(std::string(format::kManifestName), {.offset = 0, .length = 1});
  if (there) co_return Result<void>();
  if (!is(there.error(), StoreErrc::kNotFound)) co_return there.error();
  CO_TRY(auto log, co_await store.list(std::string(format::kLogPrefix), "", 1));
  CO_TRY(auto tables, co_await store.list(std::string(format::kTablePrefix), "", 1));
  if (!log.objects.empty() || !tables.objects.empty()) {
    co_return Error(EngineErrc::kLost, "the volume's manifest is gone from the bucket");
  }
  ManifestClient client(store, volume.sealer, volume.parameters.identity, runtime.random);
  format::Manifest first;
  first.identity = volume.parameters.identity;
  first.checkpoint.next_seq = Seq(1);
  CO_TRY(const bool made, co_await client.create(std::move(first)));
  (void)made;  // or somebody else made it
  co_return Result<void>();
}

}  // namespace

Task<Result<SetUpVolume>> set_up_volume(Runtime& runtime, object_store::ObjectStore& store,
                                        SetupOptions options) {
  SetUpVolume result;
  CO_TRY(auto object, co_await read_volume_object(store));
  if (!object) {
    CO_TRY(const bool empty, co_await prefix_is_empty(store));
    CO_TRY(const bool remains, co_await has_remains(store));
    if (remains) {
      co_return Error(EngineErrc::kLost,
                      "the object 'volume' is gone, and other objects of a volume are there: bring "
                      "it back, or remove them with cairn destroy",
                      store.description());
    }
    if (!empty) {
      co_return Error(EngineErrc::kNotAVolume,
                      "this place holds objects that are not a Cairn volume: give the volume a "
                      "prefix of its own",
                      store.description());
    }
    if (!options.may_create) {
      co_return Error(EngineErrc::kNotAVolume, "there is no Cairn volume at this place",
                      store.description());
    }
    CO_TRY_OK(co_await make_volume_object(runtime, store, options));
    result.created = true;
    CO_TRY(object, co_await read_volume_object(store));
    if (!object) {
      co_return Error(EngineErrc::kLost, "the volume vanished while it was being made");
    }
  }
  CO_TRY(result.volume, co_await unlock(runtime, object->body, options.password));
  if (options.may_create) CO_TRY_OK(co_await make_manifest(runtime, store, result.volume));
  co_return std::move(result);
}

Task<Result<void>> change_volume_password(Runtime& runtime, object_store::ObjectStore& store,
                                          std::string old_password, std::string new_password,
                                          format::Argon2Cost cost) {
  CO_TRY(auto object, co_await read_volume_object(store));
  if (!object) co_return Error(EngineErrc::kNotAVolume, "there is no Cairn volume at this place");
  Random& random = runtime.random;
  const SharedBytes body = object->body;
  auto work = [body, old_password, new_password, cost, &random]() -> Result<std::string> {
    TRY(auto volume, format::VolumeObject::decode(body.view()));
    return volume.change_password(old_password, new_password, cost, random);
  };
  auto changed = co_await RunOn(runtime.pool, runtime.core, std::move(work));
  if (!changed) co_return from_format(changed.error());
  auto put =
      co_await store.put(std::string(format::kVolumeName), SharedBytes::from(std::move(*changed)),
                         PutCondition::etag(object->etag));
  if (!put) co_return put.error();
  co_return Result<void>();
}

Task<Result<std::uint64_t>> destroy_volume(object_store::ObjectStore& store) {
  CO_TRY(auto object, co_await read_volume_object(store));
  // Without it there may still be what a daemon wrote while its volume was destroyed.
  if (!object) {
    CO_TRY(const bool left, co_await has_remains(store));
    if (!left) {
      co_return Error(EngineErrc::kNotAVolume, "there is no Cairn volume at this place",
                      store.description());
    }
  }
  CO_TRY_OK(co_await store.remove(std::string(format::kManifestName)));
  std::uint64_t removed = object ? 2 : 0;  // the manifest, and 'volume'
  std::string after;
  for (;;) {
    CO_TRY(auto page, co_await store.list("", after, object_store::kListLimitMax));
    std::vector<Task<Result<void>>> removals;
    for (const auto& listed : page.objects) {
      after = listed.key;
      auto name = format::parse_object_name(listed.key);
      if (!name || name->kind == format::ObjectName::Kind::kVolume) continue;
      removals.push_back(store.remove(listed.key));
    }
    removed += removals.size();
    CO_TRY_OK(co_await await_all(std::move(removals)));
    if (!page.more || page.objects.empty()) break;
  }
  // Last, so that an interrupted run can be repeated.
  CO_TRY_OK(co_await store.remove(std::string(format::kVolumeName)));
  co_return removed;
}

}  // namespace cairn::engine
