#pragma once

#include "fsd/format/sealer.h"
#include "fsd/format/volume_object.h"
#include "fsd/index/index.h"
#include "fsd/object_store/object_store.h"
#include "fsd/runtime/runtime.h"

namespace cairn::engine {

/// Everything that reading a volume's log, and taking it over, needs. References outlive the Tasks.
struct LogAccess {
  Runtime& runtime;
  object_store::ObjectStore& store;
  index::Index& index;
  format::VolumeParameters parameters;
  format::Sealer sealer;
};

}  // namespace cairn::engine
