#include "fsd/frontends/ninep/system_users.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <string>

#include "fsd/runtime/await.h"

namespace cairn::p9 {
namespace {

constexpr Duration kRememberedFor = std::chrono::minutes(1);
constexpr std::size_t kRememberedMax = 1024;
constexpr std::size_t kEntryBytesMax = 1U << 20;
constexpr int kGroupsMax = 65536;

UserDatabase::Groups look_up(std::uint32_t uid) {
  UserDatabase::Groups found;
  passwd entry{};
  passwd* result = nullptr;
  std::string text(4096, '\0');
  while (getpwuid_r(uid, &entry, text.data(), text.size(), &result) == ERANGE &&
         text.size() < kEntryBytesMax) {
    text.resize(2 * text.size());
  }
  if (result == nullptr) return found;
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) {
    if (count > kGroupsMax || static_cast<std::size_t>(count) <= groups.size()) return found;
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  found.known = true;
  found.gid = entry.pw_gid;
  found.groups.assign(groups.begin(), groups.end());
  return found;
}

}  // namespace

Task<UserDatabase::Groups> SystemUsers::groups_of(std::uint32_t uid) {
  const auto found = remembered_.find(uid);
  if (found != remembered_.end() && runtime_.clock.monotonic() < found->second.until) {
    co_return found->second.groups;
  }
  Groups groups = co_await RunOn(runtime_.pool, runtime_.core, [uid] { return look_up(uid); });
  if (remembered_.size() >= kRememberedMax) remembered_.clear();
  remembered_[uid] = {groups, runtime_.clock.monotonic() + kRememberedFor};
  co_return groups;
}

}  // namespace cairn::p9
