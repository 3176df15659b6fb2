#pragma once

#include <unordered_map>

#include "fsd/frontends/ninep/identity.h"
#include "fsd/runtime/runtime.h"

namespace cairn::p9 {

/// The user database of this machine, asked on the pool, and remembered for a minute: a client
/// attaches once for each of its users, and again after each reconnect.
/// Lifetime: outlives its Tasks.   Threads: core only.
class SystemUsers final : public UserDatabase {
 public:
  explicit SystemUsers(Runtime& runtime) : runtime_(runtime) {}
  Task<Groups> groups_of(std::uint32_t uid) override;

 private:
  struct Remembered {
    Groups groups;
    Duration until{};
  };
  Runtime& runtime_;
  std::unordered_map<std::uint32_t, Remembered> remembered_;
};

}  // namespace cairn::p9
