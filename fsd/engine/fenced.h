#pragma once

#include "fsd/engine/volume.h"

namespace cairn::engine {

/// What a writer ends with once it knows that another one has the volume.
[[nodiscard]] inline Error fenced() {
  return Error(EngineErrc::kFenced,
               "another daemon has taken this volume over; this one has stopped");
}

}  // namespace cairn::engine
