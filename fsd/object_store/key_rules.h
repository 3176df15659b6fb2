#pragma once

#include <cstdint>
#include <string_view>

#include "fsd/base/result.h"
#include "fsd/object_store/object_store.h"

namespace cairn::object_store {

/// What every ObjectStore refuses before it sends anything. Pure functions.
/// Fail with: kBadRequest, and a detail that names the key.

constexpr std::size_t kKeyBytesMax = 512;
constexpr std::uint32_t kListLimitMax = 1000;

/// 1 to 512 bytes of [A-Za-z0-9._/-]; no empty, "." or ".." component. So every key is also a
/// relative path that stays below where it starts.
Result<void> check_key(std::string_view key);
/// At most one of the two conditions.
Result<void> check_condition(const PutCondition& condition);
/// A prefix may end within a component and may be empty; so may `start_after`.
Result<void> check_list(std::string_view prefix, std::string_view start_after, std::uint32_t limit);
/// True for what may stand in a key.
[[nodiscard]] bool is_key_char(char c);

/// The part of [0, size) that `range` covers; empty at or past the end.
struct Covered {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
[[nodiscard]] Covered covered(ByteRange range, std::uint64_t size);

}  // namespace cairn::object_store
