#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fsd/base/result.h"
#include "fsd/base/unique_fd.h"

namespace cairn::vm {

/// The machine's memory, which QEMU shares with us. Below 3 GiB, where a PC's is in one piece.
class GuestMemory {
 public:
  /// Fails with: ENOMEM.
  static Result<GuestMemory> make(std::uint64_t bytes);
  GuestMemory() = default;
  GuestMemory(GuestMemory&& other) noexcept;
  GuestMemory& operator=(GuestMemory&& other) noexcept;
  ~GuestMemory();

  /// Null: there is no such memory. What lies there is the guest's, who may change it meanwhile.
  [[nodiscard]] std::uint8_t* find(std::uint64_t address, std::uint64_t size) const;
  /// False: there is no such memory.
  [[nodiscard]] bool write(std::uint64_t address, std::string_view bytes);
  /// No other process can make it smaller. Closed with us.
  [[nodiscard]] int file() const { return file_.get(); }
  /// A path by which a child of ours opens it, if it inherits file().
  [[nodiscard]] std::string path() const;

 private:
  UniqueFd file_;
  std::uint8_t* memory_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace cairn::vm
