#include "fsd/vfs/xattrs.h"

#include <algorithm>

#include "fsd/format/keys.h"

namespace cairn::vfs {
namespace {

constexpr std::size_t kKeyHeader = 9;  // kind and inode number

std::uint32_t flags_for(const std::vector<std::string>& names) {
  std::uint32_t flags = names.empty() ? 0 : format::kInodeHasXattr;
  for (const std::string& name : names) {
    if (name == kAclAccess || name == kAclDefault) flags |= format::kInodeHasAcl;
    if (name == kCapability) flags |= format::kInodeHasCapability;
  }
  return flags;
}
constexpr std::uint32_t kFlags =
    format::kInodeHasXattr | format::kInodeHasAcl | format::kInodeHasCapability;

}  // namespace

Result<std::optional<std::string>> Xattrs::find(Ino ino, const InodeRecord& inode,
                                                std::string_view name) const {
  if ((inode.flags & format::kInodeHasXattr) == 0) return std::optional<std::string>();
  return volume_.find(format::xattr_key(ino, name));
}

Result<std::vector<std::string>> Xattrs::list(Ino ino, const InodeRecord& inode) const {
  std::vector<std::string> names;
  if ((inode.flags & format::kInodeHasXattr) == 0) return names;
  auto collect = [&names](std::string_view key, std::string_view) {
    names.emplace_back(key.substr(kKeyHeader));
    return true;
  };
  TRY_OK(volume_.scan(format::xattr_key(ino, ""), format::xattr_key(ino.next(), ""), collect));
  return names;
}

Result<void> Xattrs::check_room(Ino ino, std::string_view name, std::size_t value_bytes) const {
  std::size_t names = name.size() + 1;
  std::size_t total = name.size() + value_bytes;
  auto add = [&](std::string_view key, std::string_view value) {
    if (key.substr(kKeyHeader) == name) return true;
    names += key.size() - kKeyHeader + 1;
    total += key.size() - kKeyHeader + value.size();
    return true;
  };
  TRY_OK(volume_.scan(format::xattr_key(ino, ""), format::xattr_key(ino.next(), ""), add));
  if (names > kNamesBytesMax || total > kInodeBytesMax) return errno_error(ENOSPC);
  return {};
}

void Xattrs::put(Ino ino, InodeRecord& inode, std::string_view name, std::string_view value) {
  volume_.put(format::xattr_key(ino, name), value);
  inode.flags |= flags_for({std::string(name)});
}

Result<bool> Xattrs::erase(Ino ino, InodeRecord& inode, std::string_view name) {
  TRY(std::vector<std::string> names, list(ino, inode));
  auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return false;
  names.erase(found);
  volume_.erase(format::xattr_key(ino, name));
  inode.flags = (inode.flags & ~kFlags) | flags_for(names);
  return true;
}

Result<void> Xattrs::erase_all(Ino ino, InodeRecord& inode) {
  TRY(const std::vector<std::string> names, list(ino, inode));
  for (const std::string& name : names) volume_.erase(format::xattr_key(ino, name));
  inode.flags &= ~kFlags;
  return {};
}

}  // namespace cairn::vfs
