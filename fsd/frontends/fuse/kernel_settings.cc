#include "fsd/frontends/fuse/kernel_settings.h"

#include <fstream>

#include "fsd/frontends/fuse/stale_mount.h"

namespace cairn::fuse {
namespace {

constexpr const char* kUringParameter = "/sys/module/fuse/parameters/enable_uring";

bool parameter_is_on() {
  std::ifstream file(kUringParameter);
  char value = 'N';
  return file >> value && value == 'Y';
}

}  // namespace

bool enable_io_uring() {
  if (parameter_is_on()) return true;
  {
    std::ofstream file(kUringParameter);
    if (!file) return false;
    file << "Y" << std::flush;
  }
  return parameter_is_on();
}

void set_read_ahead(const std::string& mountpoint, unsigned kib) {
  const auto mount = find_mount(mountpoint);
  if (!mount) return;
  std::ofstream file("/sys/class/bdi/" + mount->device + "/read_ahead_kb");
  file << kib << std::flush;  // not root: the kernel's own value stays
}

}  // namespace cairn::fuse
