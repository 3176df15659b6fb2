#include "vmrunner/machine/guest_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace cairn::vm {

Result<GuestMemory> GuestMemory::make(std::uint64_t bytes) {
  GuestMemory memory;
  memory.file_ = UniqueFd(memfd_create("cairn-vm", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.file_ || ftruncate(memory.file_.get(), static_cast<off_t>(bytes)) != 0 ||
      fcntl(memory.file_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return system_error(errno, "no memory for the machine", std::to_string(bytes) + " bytes");
  }
  void* const mapped =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.file_.get(), 0);
  if (mapped == MAP_FAILED) return system_error(errno, "no memory for the machine", "mmap");
  memory.memory_ = static_cast<std::uint8_t*>(mapped);
  memory.bytes_ = bytes;
  return memory;
}

GuestMemory::GuestMemory(GuestMemory&& other) noexcept
    : file_(std::move(other.file_)),
      memory_(std::exchange(other.memory_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

GuestMemory& GuestMemory::operator=(GuestMemory&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

GuestMemory::~GuestMemory() {
  if (memory_ != nullptr) munmap(memory_, bytes_);
}

std::uint8_t* GuestMemory::find(std::uint64_t address, std::uint64_t size) const {
  if (address > bytes_ || size > bytes_ - address) return nullptr;
  return memory_ + address;
}

bool GuestMemory::write(std::uint64_t address, std::string_view bytes) {
  std::uint8_t* const place = find(address, bytes.size());
  if (place != nullptr) std::memcpy(place, bytes.data(), bytes.size());
  return place != nullptr;
}

std::string GuestMemory::path() const { return "/proc/self/fd/" + std::to_string(file_.get()); }

}  // namespace cairn::vm
