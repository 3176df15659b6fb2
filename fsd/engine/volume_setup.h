#pragma once

#include <optional>
#include <string>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/format/volume_object.h"
#include "fsd/object_store/object_store.h"
#include "fsd/runtime/runtime.h"

namespace cairn::engine {

struct SetupOptions {
  std::optional<std::string> password;
  bool may_create = true;
  std::uint64_t window = format::kWindowDefault;
  format::Argon2Cost cost;
};
struct SetUpVolume {
  format::UnlockedVolume volume;
  bool created = false;
};

/// Opens the volume at the store's prefix; makes one if the prefix is empty. Two that do so at once
/// end up with one volume.
/// Threads: core only.
/// Fails with: kNotAVolume (other objects are there, or none and it may not be created),
/// kWrongPassword, kNewerFormat, kDamaged, kLost; StoreErrc.
Task<Result<SetUpVolume>> set_up_volume(Runtime& runtime, object_store::ObjectStore& store,
                                        SetupOptions options);

/// Puts the volume under another password.
/// Fails with: as set_up_volume.
Task<Result<void>> change_volume_password(Runtime& runtime, object_store::ObjectStore& store,
                                          std::string old_password, std::string new_password,
                                          format::Argon2Cost cost);

/// Removes every object of the volume, the manifest first, so that a daemon that still runs on it
/// stops. Returns how many there were. Objects that are not ours stay. Where 'volume' is missing it
/// removes what is left of a volume.
/// Fails with: kNotAVolume; StoreErrc.
Task<Result<std::uint64_t>> destroy_volume(object_store::ObjectStore& store);

}  // namespace cairn::engine
