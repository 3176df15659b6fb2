#pragma once

#include "fsd/base/clock.h"
#include "fsd/base/random.h"
#include "fsd/runtime/strand.h"
#include "fsd/runtime/timers.h"

namespace cairn {

/// The seams that everything above base runs on: real in the daemon (RealRuntime), virtual and
/// seeded in the simulator. References only; the owner outlives all users.
struct Runtime {
  Strand& core;        // owns the state of the engine and the POSIX core
  Executor& pool;      // what burns CPU or blocks: compression, sealing, a directory as a store
  Executor& indexing;  // one thread: the only one that writes to the index
  Timers& timers;
  Clock& clock;
  Random& random;
};

}  // namespace cairn
