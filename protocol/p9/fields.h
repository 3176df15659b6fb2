#pragma once

// What the messages of 9P2000.L are made of.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/p9/constants.h"

namespace cairn::p9 {

using Bytes = std::span<const std::uint8_t>;

/// The server's name for a file: `path` is the inode number, `version` changes with the contents.
struct Qid {
  std::uint8_t type = kQidFile;
  std::uint32_t version = 0;
  std::uint64_t path = 0;
  bool operator==(const Qid&) const = default;
};

struct Time {
  std::uint64_t seconds = 0;  // two's complement: Linux takes it for signed
  std::uint64_t nanoseconds = 0;
  bool operator==(const Time&) const = default;
};

/// At most kWalkNamesMax of something, without an allocation.
template <class T>
class Few {
 public:
  void push_back(T item) { items_[count_++] = item; }
  [[nodiscard]] const T* begin() const { return items_.data(); }
  [[nodiscard]] const T* end() const { return items_.data() + count_; }
  [[nodiscard]] std::uint16_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] bool full() const { return count_ == items_.size(); }
  [[nodiscard]] const T& operator[](std::size_t i) const { return items_[i]; }

 private:
  std::array<T, kWalkNamesMax> items_{};
  std::uint16_t count_ = 0;
};

/// A message without fields.
template <MessageType type>
struct Empty {
  static constexpr MessageType kType = type;
  template <class S, class V>
  static void visit(S&, V&& v) {
    v();
  }
};

}  // namespace cairn::p9
