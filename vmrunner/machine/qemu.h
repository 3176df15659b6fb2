#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "fsd/base/result.h"
#include "vmrunner/machine/guest_image.h"
#include "vmrunner/machine/run_options.h"

namespace cairn::vm {

/// Serial devices of the machine, in the order of their numbers: two consoles (hvc0, hvc1) and
/// three ports of bytes (/dev/vportNp2 to 4).
inline constexpr const char* kPorts[] = {"terminal", "control", "out", "err", "in"};
inline constexpr std::size_t kTerminalPort = 0, kControlPort = 1, kOutPort = 2, kErrPort = 3,
                             kInPort = 4;

/// The device that the guest mounts; and its name there.
inline constexpr const char* kVolumePort = "volume";
inline constexpr const char* kVolumeTag = "host9p";

/// QEMU's arguments, for a machine whose ports are Unix sockets in `directory`, and whose memory is
/// the file `memory`.
[[nodiscard]] std::vector<std::string> qemu_arguments(
    const std::string& program, const GuestImage& image, const RunOptions& options,
    Accelerator accelerator, const std::string& directory, const std::string& memory);

/// Where QEMU is. Fails with: ENOENT, in a sentence that says what to install.
Result<std::string> find_qemu();

/// Starts it; what it says goes to `log`. It ends with us, has no file of ours but `memory`, and
/// writes no file without end, whatever the guest says on its serial line.
Result<pid_t> spawn_qemu(const std::vector<std::string>& arguments, const std::string& log,
                         int memory);

/// KVM may be used here at all.
[[nodiscard]] bool may_use_kvm();

}  // namespace cairn::vm
