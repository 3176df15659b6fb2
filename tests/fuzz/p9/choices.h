#pragma once

// What fuzzers of 9P sessions share: requests that an input's bytes choose.

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "fsd/base/bytes.h"
#include "protocol/p9/codec.h"

namespace cairn::p9 {

/// What the input decides, a byte at a time; zeros after its end.
class Choices {
 public:
  explicit Choices(Bytes bytes) : bytes_(bytes) {}
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }
  Bytes take(std::size_t count) {
    const Bytes front = bytes_.first(std::min(count, bytes_.size()));
    bytes_ = bytes_.subspan(front.size());
    return front;
  }

 private:
  Bytes bytes_;
};

inline constexpr auto kNames = std::to_array<std::string_view>({"",
                                                                "a",
                                                                "b",
                                                                "c",
                                                                ".",
                                                                "..",
                                                                "user.x",
                                                                "user.y",
                                                                "system.posix_acl_access",
                                                                "a/b",
                                                                "9P2000.L",
                                                                "security.capability",
                                                                "system.posix_acl_default",
                                                                {"nul\0", 4},
                                                                "/",
                                                                "ab"});

/// Gives each field of a request a small number, sometimes a special one.
class FieldChooser {
 public:
  explicit FieldChooser(Choices& choices) : choices_(choices) {}
  template <class... Fields>
  void operator()(Fields&... fields) {
    (set(fields), ...);
  }

 private:
  template <class Int>
    requires std::is_integral_v<Int>
  void set(Int& field) {
    const std::uint8_t choice = choices_.byte();
    constexpr Int kMax = std::numeric_limits<Int>::max();
    if (choice < 192) {
      const unsigned number = choice % 8U + (choice >= 64 ? choice * 256U : 0U);
      field = static_cast<Int>(number);
    } else if (choice < 250) {
      field = static_cast<Int>(Int{1} << (choice % std::numeric_limits<Int>::digits));
    } else {
      field = choice < 252 ? kMax : choice < 254 ? kMax - 1 : static_cast<Int>(kMax / 2 + 1);
    }
  }
  void set(std::string_view& field) {
    const std::uint8_t choice = choices_.byte();
    field = choice < 240 ? kNames[choice % kNames.size()] : as_string(choices_.take(choice - 239U));
  }
  void set(Bytes& field) { field = choices_.take(choices_.byte()); }
  void set(Time& field) {
    set(field.seconds);
    set(field.nanoseconds);
  }
  void set(Few<std::string_view>& field) {
    for (int left = choices_.byte() % 4; left > 0; --left) {
      std::string_view name;
      set(name);
      field.push_back(name);
    }
  }

  Choices& choices_;
};

template <std::size_t... I>
Request choose_request(Choices& choices, std::size_t type, std::index_sequence<I...>) {
  Request request;
  const auto try_one = [&]<std::size_t i>(std::integral_constant<std::size_t, i>) {
    if (type != i) return;
    auto& chosen = request.emplace<i>();
    chosen.visit(chosen, FieldChooser(choices));
  };
  (try_one(std::integral_constant<std::size_t, I>()), ...);
  return request;
}

}  // namespace cairn::p9
