// The layout is that of virtio 1.0, section 2.4 (split virtqueues): a table of descriptors; a ring
// in which the driver makes chains of them available; a ring in which the device tells which it has
// used. Both sides publish with the index at a ring's head, after what it stands for. A chain may
// lie in a table of its own (an indirect descriptor).
#include "vmrunner/machine/virtqueue.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>

namespace cairn::vm {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint16_t kNext = 1, kWritable = 2, kIndirect = 4;
constexpr std::uint16_t kNoInterrupt = 1;
constexpr std::uint32_t kSizeMax = 128;  // what QEMU's device has; how much we keep depends on it
constexpr std::uint32_t kIndirectMax = 1024;
constexpr std::size_t kRingHeadBytes = 4;  // flags, index

Error broken(const char* what) { return {std::error_code(EPROTO, std::generic_category()), what}; }

std::atomic_ref<std::uint16_t> half(std::uint8_t* place) {
  return std::atomic_ref<std::uint16_t>(*reinterpret_cast<std::uint16_t*>(place));
}

}  // namespace

struct Virtqueue::Descriptor {
  std::uint64_t address;
  std::uint32_t size;
  std::uint16_t flags, next;
};
struct Virtqueue::Table {
  const std::uint8_t* place;
  std::uint32_t count;
  bool is_indirect;
};
struct Virtqueue::Used {
  std::uint32_t head, written;
};

std::string Virtqueue::Chain::read(std::size_t bytes_max) const {
  std::size_t size = 0;
  for (const auto& piece : request) size += piece.size();
  std::string out;
  out.reserve(std::min(size, bytes_max));
  for (const auto& piece : request) {
    const std::size_t room = bytes_max - out.size();
    out.append(reinterpret_cast<const char*>(piece.data()), std::min(piece.size(), room));
  }
  return out;
}

std::uint32_t Virtqueue::Chain::write(std::string_view bytes) const {
  std::size_t done = 0;
  for (const auto& piece : answer) {
    const std::size_t size = std::min(piece.size(), bytes.size() - done);
    std::memcpy(piece.data(), bytes.data() + done, size);
    done += size;
  }
  return static_cast<std::uint32_t>(done);
}

std::size_t Virtqueue::Chain::room() const {
  std::size_t size = 0;
  for (const auto& piece : answer) size += piece.size();
  return size;
}

Result<Virtqueue> Virtqueue::open(const GuestMemory& memory, const Layout& layout,
                                  std::uint16_t next) {
  if (!std::has_single_bit(layout.size) || layout.size > kSizeMax) {
    return broken("a queue of the machine has no such size");
  }
  Virtqueue queue(memory, layout.size);
  queue.descriptors_ = memory.find(layout.descriptors, layout.size * sizeof(Descriptor));
  queue.available_ = memory.find(layout.available, kRingHeadBytes + layout.size * 2);
  queue.used_ = memory.find(layout.used, kRingHeadBytes + layout.size * sizeof(Used));
  const bool aligned = (layout.available | layout.used) % 4 == 0;
  if (queue.descriptors_ == nullptr || queue.available_ == nullptr || queue.used_ == nullptr ||
      !aligned) {
    return broken("a queue of the machine is outside of its memory");
  }
  queue.next_ = next;
  queue.given_back_ = half(queue.used_ + 2).load();
  return queue;
}

Result<std::optional<Virtqueue::Chain>> Virtqueue::take() {
  const std::uint16_t published = half(available_ + 2).load(std::memory_order_acquire);
  if (published == next_) return std::optional<Chain>();
  // A chain takes a descriptor at least, which is the guest's again only when we give it back.
  if (static_cast<std::uint16_t>(published - next_) > size_ - in_use_) {
    return broken("the machine's driver has lost count of its requests");
  }
  Chain chain;
  std::memcpy(&chain.head, available_ + kRingHeadBytes + 2 * (next_ % size_), sizeof chain.head);
  ++next_;
  TRY_OK(follow({.place = descriptors_, .count = size_, .is_indirect = false}, chain.head, chain));
  ++in_use_;
  return std::optional(std::move(chain));
}

/// Adds to the chain what hangs together from `first` on.
Result<void> Virtqueue::follow(const Table& table, std::uint16_t first, Chain& chain) const {
  std::uint32_t at = first;
  for (std::uint32_t steps = 0; steps < table.count; ++steps) {
    if (at >= table.count) break;
    Descriptor one;
    std::memcpy(&one, table.place + at * sizeof one, sizeof one);
    std::uint8_t* const place = memory_->find(one.address, one.size);
    if (place == nullptr) return broken("a request of the machine's lies outside of its memory");
    if ((one.flags & kIndirect) != 0) {
      const std::uint32_t inner = one.size / sizeof one;
      if (table.is_indirect || inner == 0 || inner > kIndirectMax) break;
      return follow({.place = place, .count = inner, .is_indirect = true}, 0, chain);
    }
    if ((one.flags & kWritable) != 0) {
      chain.answer.emplace_back(place, one.size);
    } else {
      chain.request.emplace_back(place, one.size);
    }
    if ((one.flags & kNext) == 0) return {};
    at = one.next;
  }
  return broken("a request of the machine's has no end");
}

bool Virtqueue::give_back(std::uint16_t head, std::uint32_t written) {
  const Used used{.head = head, .written = written};
  std::memcpy(used_ + kRingHeadBytes + (given_back_ % size_) * sizeof used, &used, sizeof used);
  half(used_ + 2).store(++given_back_, std::memory_order_release);
  if (in_use_ > 0) --in_use_;
  // The guest switches interrupts on and looks again; we publish and look whether they are on.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return (half(available_).load(std::memory_order_relaxed) & kNoInterrupt) == 0;
}

}  // namespace cairn::vm
