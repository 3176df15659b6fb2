#pragma once

#include "fsd/daemon/store_stack.h"

namespace cairn::daemon {

/// The command line of `cairn`: finds the command, runs it, and returns the exit status. What goes
/// wrong is said on standard error in one sentence.
int run_command(int argc, char** argv, const StoreFactory& make_store);

}  // namespace cairn::daemon
