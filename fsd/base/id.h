#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace cairn {

/// A 64-bit number that cannot be mistaken for another kind of number.
template <class Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(std::uint64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] constexpr Id next() const { return Id(value_ + 1); }
  constexpr auto operator<=>(const Id&) const = default;

 private:
  std::uint64_t value_ = 0;
};

/// Number of an inode. 1 is the root; 0 is none.
using Ino = Id<struct InoTag>;
/// Number of a segment in the log.
using Seq = Id<struct SeqTag>;
/// Number of a writer's term.
using Epoch = Id<struct EpochTag>;

}  // namespace cairn

template <class Tag>
struct std::hash<cairn::Id<Tag>> {
  std::size_t operator()(cairn::Id<Tag> id) const noexcept {
    return static_cast<std::size_t>(id.value() * 0x9E3779B97F4A7C15ULL);
  }
};
