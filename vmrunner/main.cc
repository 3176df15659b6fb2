// The program `cairn-vm`.

#include <csignal>

#include "vmrunner/machine/commands.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return cairn::vm::run_command(argc, argv);
}
