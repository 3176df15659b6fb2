#pragma once

namespace cairn::vm {

/// The command line of `cairn-vm`: finds the command, runs it, and returns the exit status. What
/// goes wrong is said on standard error in one sentence.
int run_command(int argc, char** argv);

}  // namespace cairn::vm
