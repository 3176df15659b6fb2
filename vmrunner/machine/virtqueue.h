#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/result.h"
#include "vmrunner/machine/guest_memory.h"

namespace cairn::vm {

/// A queue of a virtio device, from the device's side: the split layout of virtio 1.0, in the
/// guest's memory. Nothing that the guest writes there is believed.
/// Lifetime: the memory outlives it.   Threads: one; the guest's driver runs beside it.
class Virtqueue {
 public:
  struct Layout {
    std::uint32_t size = 0;  // a power of two
    std::uint64_t descriptors = 0, available = 0, used = 0;
  };
  /// Buffers that belong together, of a request and of its answer.
  struct Chain {
    std::uint16_t head = 0;
    std::vector<std::span<const std::uint8_t>> request;
    std::vector<std::span<std::uint8_t>> answer;

    /// The request, or its first bytes: the guest's buffers may be any size, one may be there
    /// often. The guest may change them meanwhile; what has been read is what counts.
    [[nodiscard]] std::string read(std::size_t bytes_max) const;
    /// As much as there is room for; how much that is.
    [[nodiscard]] std::uint32_t write(std::string_view bytes) const;
    [[nodiscard]] std::size_t room() const;
  };

  /// `next`: how many chains a device before us has taken.
  /// Fails with: EPROTO (there is no such memory).
  static Result<Virtqueue> open(const GuestMemory& memory, const Layout& layout,
                                std::uint16_t next);

  /// None: the guest has given no more. Fails with: EPROTO.
  Result<std::optional<Chain>> take();
  /// The guest's again; `written` bytes of its answer are filled. True: it wants to be interrupted.
  bool give_back(std::uint16_t head, std::uint32_t written);
  [[nodiscard]] std::uint16_t next() const { return next_; }

 private:
  struct Descriptor;
  struct Used;
  Virtqueue(const GuestMemory& memory, std::uint32_t size) : memory_(&memory), size_(size) {}
  struct Table;
  Result<void> follow(const Table& table, std::uint16_t first, Chain& chain) const;

  const GuestMemory* memory_;
  std::uint32_t size_;
  std::uint8_t* descriptors_ = nullptr;
  std::uint8_t* available_ = nullptr;
  std::uint8_t* used_ = nullptr;
  std::uint16_t next_ = 0;
  std::uint16_t given_back_ = 0;
  std::uint32_t in_use_ = 0;  // chains that were taken and not given back
};

}  // namespace cairn::vm
