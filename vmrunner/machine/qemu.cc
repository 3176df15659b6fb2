#include "vmrunner/machine/qemu.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iterator>

#include "fsd/base/unique_fd.h"

namespace cairn::vm {
namespace {

constexpr const char* kProgram = "qemu-system-i386";
constexpr const char* kLoopback = "127.0.0.1";
constexpr rlim_t kFileBytesMax = 16U << 20;

std::string network(const RunOptions& options) {
  std::string out = "user,id=n0,ipv6=off";
  if (!options.open_network) out += ",restrict=on";  // which the forwards pass
  for (const PortForward& forward : options.forwards) {
    out += std::string(",hostfwd=tcp:") + kLoopback + ":" + std::to_string(forward.host) +
           "-:" + std::to_string(forward.guest);
  }
  return out;
}

}  // namespace

std::vector<std::string> qemu_arguments(const std::string& program, const GuestImage& image,
                                        const RunOptions& options, Accelerator accelerator,
                                        const std::string& directory, const std::string& memory) {
  const bool kvm = accelerator == Accelerator::kKvm;
  std::vector<std::string> out = {
      program,
      "-nodefaults",
      "-no-user-config",
      "-no-reboot",
      "-display",
      "none",
      "-name",
      "cairn",
      "-machine",
      std::string("pc,memory-backend=ram,accel=") + (kvm ? "kvm" : "tcg"),
      "-object",
      "memory-backend-file,id=ram,share=on,size=" + std::to_string(options.memory_mib) +
          "M,mem-path=" + memory,
      "-cpu",
      kvm ? "host" : "max",
      "-m",
      std::to_string(options.memory_mib),
      "-kernel",
      image.path("vmlinuz"),
      "-initrd",
      image.path("initramfs.gz"),
      "-append",
      image.command_line() + " cairn.control=hvc1 cairn.terminals=hvc0",
      "-chardev",
      "file,id=serial,path=" + directory + "/serial.log",
      "-serial",
      "chardev:serial",
      "-device",
      "virtio-serial-pci,max_ports=8",
      "-netdev",
      network(options),
      "-device",
      "virtio-net-pci,netdev=n0,romfile=",
      "-device",
      "virtio-rng-pci",
      "-chardev",
      std::string("socket,id=volume,path=") + directory + "/" + kVolumePort,
      "-device",
      std::string("vhost-user-fs-pci,chardev=volume,tag=") + kVolumeTag};
  for (std::size_t i = 0; i < std::size(kPorts); ++i) {
    const std::string name = kPorts[i];
    out.insert(out.end(),
               {"-chardev", "socket,id=" + name + ",path=" + directory + "/" + name, "-device",
                std::string(i < kOutPort ? "virtconsole" : "virtserialport") + ",chardev=" + name +
                    ",nr=" + std::to_string(i)});
  }
  return out;
}

Result<std::string> find_qemu() {
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "/usr/bin" : path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    std::string program = rest.substr(0, colon) + "/" + kProgram;
    if (access(program.c_str(), X_OK) == 0) return program;
    rest = colon == rest.npos ? "" : rest.substr(colon + 1);
  }
  return Error(std::error_code(ENOENT, std::generic_category()),
               "QEMU is missing (Debian: apt install qemu-system-x86)", kProgram);
}

Result<pid_t> spawn_qemu(const std::vector<std::string>& arguments, const std::string& log,
                         int memory) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  const UniqueFd output(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const UniqueFd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!output || !nothing) return system_error(errno, "a file cannot be written", log);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return system_error(errno, "QEMU cannot be started", arguments.front());
  if (pid > 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  setpgid(0, 0);  // a terminal's Ctrl-C is ours
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // A connection that we have closed has to be closed, and the daemon is no affair of QEMU's.
  syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  fcntl(memory, F_SETFD, 0);
  const rlimit file_size{.rlim_cur = kFileBytesMax, .rlim_max = kFileBytesMax};
  setrlimit(RLIMIT_FSIZE, &file_size);
  signal(SIGXFSZ, SIG_IGN);
  dup2(nothing.get(), 0);
  dup2(output.get(), 1);
  dup2(output.get(), 2);
  execv(pointers[0], pointers.data());
  _exit(127);
}

bool may_use_kvm() { return access("/dev/kvm", R_OK | W_OK) == 0; }

}  // namespace cairn::vm
