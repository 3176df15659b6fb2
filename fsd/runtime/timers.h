#pragma once

#include <cstdint>

#include "fsd/base/clock.h"
#include "fsd/runtime/strand.h"

namespace cairn {

/// Runs work in the core after a while. Threads: core only.
class Timers {
 public:
  using Token = std::uint64_t;
  virtual ~Timers() = default;
  /// `work` runs inside the core, not before `after` has passed.
  virtual Token schedule(Duration after, Work work) = 0;
  /// True: it will not run. False: it has run already.
  virtual bool cancel(Token token) = 0;
};

}  // namespace cairn
