// What a ReferenceFs' files hold, and what is said of nodes: bytes, modes, owners, attributes.

#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

#include "fsd/vfs/xattrs.h"
#include "tests/support/reference_fs.h"

namespace cairn::testing {

void ReferenceFs::drop_privileges(const Caller& who, Node& n) {
  if (who.uid == 0) return;
  n.mode &= ~S_ISUID;
  if ((n.mode & S_IXGRP) != 0) n.mode &= ~S_ISGID;
}

int ReferenceFs::write(const Caller& who, std::string_view path, std::uint64_t offset,
                       std::string_view bytes) {
  const Found f = find(who, path);
  if (f.error != 0) return f.error;
  if (S_ISLNK(node(f.node).mode)) return ELOOP;
  if (is_directory(f.node)) return EISDIR;
  if (!allows(who, f.node, kWrite)) return EACCES;
  return write(who, f.node, offset, bytes);
}
int ReferenceFs::write(const Caller& who, NodeId id, std::uint64_t offset, std::string_view bytes) {
  if (!contains(id)) return ESTALE;
  if (bytes.empty()) return 0;
  Node& n = change(id);
  if (n.content.size() < offset + bytes.size()) n.content.resize(offset + bytes.size());
  n.content.replace(offset, bytes.size(), bytes);
  drop_privileges(who, n);
  return 0;
}

int ReferenceFs::zero(NodeId id, std::uint64_t offset, std::uint64_t length, bool keep_size) {
  if (!contains(id)) return ESTALE;
  Node& n = change(id);
  if (!keep_size && n.content.size() < offset + length) n.content.resize(offset + length);
  const std::uint64_t end = std::min<std::uint64_t>(offset + length, n.content.size());
  for (std::uint64_t i = offset; i < end; ++i) n.content[i] = '\0';
  return 0;
}

int ReferenceFs::grow(NodeId id, std::uint64_t size) {
  if (!contains(id)) return ESTALE;
  if (node(id).content.size() < size) change(id).content.resize(size);
  return 0;
}

int ReferenceFs::copy(NodeId from, std::uint64_t from_offset, NodeId to, std::uint64_t to_offset,
                      std::uint64_t length) {
  if (!contains(from)) return ESTALE;
  if (length == 0) return 0;
  return write({}, to, to_offset, node(from).content.substr(from_offset, length));
}

int ReferenceFs::truncate(const Caller& who, std::string_view path, std::uint64_t size) {
  const Found f = find(who, path);
  return f.error != 0 ? f.error : truncate(who, f.node, size);
}
int ReferenceFs::truncate(const Caller& who, NodeId id, std::uint64_t size) {
  if (!contains(id)) return ESTALE;
  if (is_directory(id)) return EISDIR;
  if (!S_ISREG(node(id).mode)) return EINVAL;
  if (!allows(who, id, kWrite)) return EACCES;
  Node& n = change(id);
  n.content.resize(size);
  drop_privileges(who, n);
  return 0;
}

int ReferenceFs::set_mode(const Caller& who, std::string_view path, std::uint32_t mode) {
  const Found f = find(who, path);
  return f.error != 0 ? f.error : set_mode(who, f.node, mode);
}
int ReferenceFs::set_mode(const Caller& who, NodeId id, std::uint32_t mode) {
  if (!contains(id)) return ESTALE;
  if (who.uid != 0 && who.uid != node(id).uid) return EPERM;
  if (S_ISLNK(node(id).mode)) return EOPNOTSUPP;
  Node& n = change(id);
  n.mode = (n.mode & S_IFMT) | (mode & 07777);
  if (who.uid != 0 && !in_group(who, n.gid)) n.mode &= ~S_ISGID;
  const auto stored = n.xattrs.find(std::string(vfs::kAclAccess));
  if (stored == n.xattrs.end()) return 0;
  vfs::Acl acl = vfs::Acl::decode(stored->second).value();
  acl.set_mode(n.mode & 07777);
  stored->second = acl.encode();
  return 0;
}

int ReferenceFs::set_owner(const Caller& who, std::string_view path, std::uint32_t uid,
                           std::uint32_t gid) {
  const Found f = find(who, path);
  return f.error != 0 ? f.error : set_owner(who, f.node, uid, gid);
}
int ReferenceFs::set_owner(const Caller& who, NodeId id, std::uint32_t uid, std::uint32_t gid) {
  if (!contains(id)) return ESTALE;
  const Node& old = node(id);
  const bool given_to_own_group =
      who.uid == old.uid && uid == old.uid && (gid == old.gid || in_group(who, gid));
  if (who.uid != 0 && !given_to_own_group) return EPERM;
  Node& n = change(id);
  if (S_ISREG(n.mode)) drop_privileges({.uid = 1}, n);  // even root's chown takes them away
  n.uid = uid;
  n.gid = gid;
  return 0;
}

int ReferenceFs::check_xattr(const Caller& who, NodeId id) const {
  if (!contains(id)) return ESTALE;
  const Node& old = node(id);
  if (!S_ISREG(old.mode) && !S_ISDIR(old.mode)) return EPERM;
  const bool sticky = S_ISDIR(old.mode) && (old.mode & S_ISVTX) != 0;
  if (sticky && who.uid != 0 && who.uid != old.uid) return EPERM;
  return allows(who, id, kWrite) ? 0 : EACCES;
}

int ReferenceFs::set_xattr(const Caller& who, std::string_view path, const std::string& name,
                           std::string_view value, int flags) {
  const Found f = find(who, path);
  return f.error != 0 ? f.error : set_xattr(who, f.node, name, value, flags);
}
int ReferenceFs::set_xattr(const Caller& who, NodeId id, const std::string& name,
                           std::string_view value, int flags) {
  if (int error = check_xattr(who, id)) return error;
  const bool exists = node(id).xattrs.contains(name);
  if (exists && (flags & XATTR_CREATE) != 0) return EEXIST;
  if (!exists && (flags & XATTR_REPLACE) != 0) return ENODATA;
  change(id).xattrs[name] = value;
  return 0;
}

int ReferenceFs::remove_xattr(const Caller& who, std::string_view path, const std::string& name) {
  const Found f = find(who, path);
  return f.error != 0 ? f.error : remove_xattr(who, f.node, name);
}
int ReferenceFs::remove_xattr(const Caller& who, NodeId id, const std::string& name) {
  if (int error = check_xattr(who, id)) return error;
  if (!node(id).xattrs.contains(name)) return ENODATA;
  change(id).xattrs.erase(name);
  return 0;
}

int ReferenceFs::set_acl(NodeId id, const std::string& name, const vfs::Acl& acl) {
  if (!contains(id)) return ESTALE;
  if (S_ISLNK(node(id).mode)) return EOPNOTSUPP;
  const bool access = name == vfs::kAclAccess;
  if (!access && !is_directory(id)) return acl.empty() ? 0 : EACCES;
  Node& n = change(id);
  n.xattrs.erase(name);
  if (!acl.empty() && !(access && acl.minimal())) n.xattrs[name] = acl.encode();
  if (access && !acl.empty()) n.mode = (n.mode & ~0777U) | acl.mode_bits();
  return 0;
}

}  // namespace cairn::testing
