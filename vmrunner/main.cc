// The program `cairn-vm`.

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "vmrunner/machine/commands.h"

int main(int argc, char** argv) {
  // A standard stream that is closed must not become the number of a file of ours.
  int fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = dup(fd);
  close(fd);
  std::signal(SIGPIPE, SIG_IGN);
  return cairn::vm::run_command(argc, argv);
}
