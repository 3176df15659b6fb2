#include "tests/support/reference_fs.h"

#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

namespace cairn::testing {
namespace {

constexpr std::uint32_t kWrite = 2;
constexpr std::uint32_t kSearch = 1;

int check_name(std::string_view name) { return name.size() > 255 ? ENAMETOOLONG : 0; }

}  // namespace

ReferenceFs::ReferenceFs(std::uint32_t root_uid, std::uint32_t root_gid) {
  Node root;
  root.mode = S_IFDIR | 0755;
  root.uid = root_uid;
  root.gid = root_gid;
  root.nlink = 2;
  root.parent = kRoot;
  nodes_[kRoot] = std::make_shared<Node>(std::move(root));
}

ReferenceFs::Node& ReferenceFs::change(NodeId id) {
  auto copy = std::make_shared<Node>(*nodes_.at(id));
  Node& node = *copy;
  nodes_[id] = std::move(copy);
  return node;
}

bool ReferenceFs::in_group(const Caller& who, std::uint32_t gid) {
  return who.gid == gid || std::count(who.groups.begin(), who.groups.end(), gid) > 0;
}

bool ReferenceFs::is_directory(NodeId id) const { return id != 0 && S_ISDIR(node(id).mode); }

bool ReferenceFs::allows(const Caller& who, NodeId id, std::uint32_t wanted) const {
  const Node& n = node(id);
  if (who.uid == 0) return true;  // search of directories, reading and writing: all that is asked
  std::uint32_t granted = n.mode;
  if (who.uid == n.uid) {
    granted >>= 6;
  } else if (in_group(who, n.gid)) {
    granted >>= 3;
  }
  return (granted & wanted) == wanted;
}

ReferenceFs::Place ReferenceFs::place(const Caller& who, std::string_view path) const {
  Place p;
  p.directory = kRoot;
  path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    p.name = path.substr(0, slash);
    if (int error = check_name(p.name)) return {.error = error, .directory = 0, .name = {}};
    if (!is_directory(p.directory)) return {.error = ENOTDIR, .directory = 0, .name = {}};
    if (!allows(who, p.directory, kSearch)) return {.error = EACCES, .directory = 0, .name = {}};
    const auto& entries = node(p.directory).entries;
    auto entry = entries.find(p.name);
    p.node = entry == entries.end() ? 0 : entry->second;
    if (slash == path.npos) return p;
    if (p.node == 0) return {.error = ENOENT, .directory = 0, .name = {}};
    p.directory = p.node;
    path.remove_prefix(slash + 1);
  }
}

ReferenceFs::Found ReferenceFs::find(const Caller& who, std::string_view path) const {
  if (path == "/") return {.node = kRoot};
  const Place p = place(who, path);
  if (p.error != 0) return {.error = p.error};
  return p.node == 0 ? Found{.error = ENOENT} : Found{.node = p.node};
}

void ReferenceFs::enter(NodeId directory, const std::string& name, NodeId id) {
  Node& dir = change(directory);
  dir.entries[name] = id;
  if (is_directory(id)) {
    ++dir.nlink;
    change(id).parent = directory;
  }
}

void ReferenceFs::leave(NodeId directory, const std::string& name) {
  Node& dir = change(directory);
  if (is_directory(dir.entries.at(name))) --dir.nlink;
  dir.entries.erase(name);
}

void ReferenceFs::drop(NodeId id) {
  Node& n = change(id);
  if (S_ISDIR(n.mode) || --n.nlink == 0) nodes_.erase(id);
}

int ReferenceFs::make(const Caller& who, std::string_view path, std::uint32_t mode,
                      std::string_view content) {
  const Place p = place(who, path);
  if (p.error != 0) return p.error;
  if (p.node != 0) return EEXIST;
  if (!allows(who, p.directory, kWrite | kSearch)) return EACCES;
  const Node& parent = node(p.directory);
  Node made;
  made.uid = who.uid;
  made.gid = who.gid;
  if ((parent.mode & S_ISGID) != 0) {
    made.gid = parent.gid;
    if (S_ISDIR(mode)) mode |= S_ISGID;
    const bool executable = (mode & S_IXGRP) != 0 && !S_ISDIR(mode);
    if (executable && who.uid != 0 && !in_group(who, parent.gid)) mode &= ~S_ISGID;
  }
  made.mode = mode;
  made.nlink = S_ISDIR(mode) ? 2 : 1;
  made.content = content;
  const NodeId id = next_++;
  nodes_[id] = std::make_shared<Node>(std::move(made));
  enter(p.directory, p.name, id);
  return 0;
}

int ReferenceFs::make_directory(const Caller& who, std::string_view path, std::uint32_t mode) {
  return make(who, path, S_IFDIR | (mode & 01777), {});
}
int ReferenceFs::create(const Caller& who, std::string_view path, std::uint32_t mode) {
  return make(who, path, S_IFREG | (mode & 07777), {});
}
int ReferenceFs::make_symlink(const Caller& who, std::string_view path, std::string_view target) {
  return make(who, path, S_IFLNK | 0777, target);
}

int ReferenceFs::link(const Caller& who, std::string_view path, std::string_view new_path) {
  const Found from = find(who, path);
  if (from.error != 0) return from.error;
  const Place to = place(who, new_path);
  if (to.error != 0) return to.error;
  if (to.node != 0) return EEXIST;
  if (!allows(who, to.directory, kWrite | kSearch)) return EACCES;
  if (is_directory(from.node)) return EPERM;
  ++change(from.node).nlink;
  enter(to.directory, to.name, from.node);
  return 0;
}

int ReferenceFs::may_remove(const Caller& who, NodeId directory, NodeId victim) const {
  if (!allows(who, directory, kWrite | kSearch)) return EACCES;
  const bool sticky = (node(directory).mode & S_ISVTX) != 0;
  const bool owns = who.uid == 0 || who.uid == node(victim).uid || who.uid == node(directory).uid;
  return sticky && !owns ? EPERM : 0;
}

int ReferenceFs::unlink(const Caller& who, std::string_view path) {
  const Place p = place(who, path);
  if (p.error != 0) return p.error;
  if (p.node == 0) return ENOENT;
  if (int error = may_remove(who, p.directory, p.node)) return error;
  if (is_directory(p.node)) return EISDIR;
  leave(p.directory, p.name);
  drop(p.node);
  return 0;
}

int ReferenceFs::remove_directory(const Caller& who, std::string_view path) {
  const Place p = place(who, path);
  if (p.error != 0) return p.error;
  if (p.node == 0) return ENOENT;
  if (int error = may_remove(who, p.directory, p.node)) return error;
  if (!is_directory(p.node)) return ENOTDIR;
  if (!node(p.node).entries.empty()) return ENOTEMPTY;
  leave(p.directory, p.name);
  drop(p.node);
  return 0;
}

bool ReferenceFs::is_within(NodeId directory, NodeId ancestor) const {
  for (; directory != ancestor; directory = node(directory).parent) {
    if (directory == kRoot) return false;
  }
  return true;
}

int ReferenceFs::check_rename(const Caller& who, const Place& from, const Place& to,
                              bool exchange) const {
  const bool moves = from.directory != to.directory;
  if (int error = may_remove(who, from.directory, from.node)) return error;
  if (to.node == 0) {
    if (!allows(who, to.directory, kWrite | kSearch)) return EACCES;
  } else {
    if (int error = may_remove(who, to.directory, to.node)) return error;
    if (!exchange && is_directory(from.node) && !is_directory(to.node)) return ENOTDIR;
    if (!exchange && !is_directory(from.node) && is_directory(to.node)) return EISDIR;
  }
  if (moves && is_directory(from.node) && !allows(who, from.node, kWrite)) return EACCES;
  if (moves && exchange && is_directory(to.node) && !allows(who, to.node, kWrite)) return EACCES;
  if (!exchange && is_directory(to.node) && !node(to.node).entries.empty()) return ENOTEMPTY;
  return 0;
}

int ReferenceFs::rename(const Caller& who, std::string_view path, std::string_view new_path,
                        unsigned flags) {
  if (flags > RENAME_EXCHANGE || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) return EINVAL;
  const bool exchange = flags == RENAME_EXCHANGE;
  const Place from = place(who, path);
  if (from.error != 0) return from.error;
  const Place to = place(who, new_path);
  if (to.error != 0) return to.error;
  if (from.node == 0) return ENOENT;
  if (to.node != 0 && flags == RENAME_NOREPLACE) return EEXIST;
  if (to.node == 0 && exchange) return ENOENT;
  if (is_directory(from.node) && is_within(to.directory, from.node)) return EINVAL;
  if (is_directory(to.node) && is_within(from.directory, to.node)) {
    return exchange ? EINVAL : ENOTEMPTY;
  }
  if (from.node == to.node) return 0;
  if (int error = check_rename(who, from, to, exchange)) return error;
  leave(from.directory, from.name);
  if (to.node != 0) leave(to.directory, to.name);
  enter(to.directory, to.name, from.node);
  if (exchange) {
    enter(from.directory, from.name, to.node);
  } else if (to.node != 0) {
    drop(to.node);
  }
  return 0;
}

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
  if (bytes.empty()) return 0;
  Node& n = change(f.node);
  if (n.content.size() < offset + bytes.size()) n.content.resize(offset + bytes.size());
  n.content.replace(offset, bytes.size(), bytes);
  drop_privileges(who, n);
  return 0;
}

int ReferenceFs::truncate(const Caller& who, std::string_view path, std::uint64_t size) {
  const Found f = find(who, path);
  if (f.error != 0) return f.error;
  if (is_directory(f.node)) return EISDIR;
  if (!S_ISREG(node(f.node).mode)) return EINVAL;
  if (!allows(who, f.node, kWrite)) return EACCES;
  Node& n = change(f.node);
  n.content.resize(size);
  drop_privileges(who, n);
  return 0;
}

int ReferenceFs::set_mode(const Caller& who, std::string_view path, std::uint32_t mode) {
  const Found f = find(who, path);
  if (f.error != 0) return f.error;
  if (who.uid != 0 && who.uid != node(f.node).uid) return EPERM;
  if (S_ISLNK(node(f.node).mode)) return EOPNOTSUPP;
  Node& n = change(f.node);
  n.mode = (n.mode & S_IFMT) | (mode & 07777);
  if (who.uid != 0 && !in_group(who, n.gid)) n.mode &= ~S_ISGID;
  return 0;
}

int ReferenceFs::set_owner(const Caller& who, std::string_view path, std::uint32_t uid,
                           std::uint32_t gid) {
  const Found f = find(who, path);
  if (f.error != 0) return f.error;
  const Node& old = node(f.node);
  const bool given_to_own_group =
      who.uid == old.uid && uid == old.uid && (gid == old.gid || in_group(who, gid));
  if (who.uid != 0 && !given_to_own_group) return EPERM;
  Node& n = change(f.node);
  if (S_ISREG(n.mode)) drop_privileges({.uid = 1}, n);  // even root's chown takes them away
  n.uid = uid;
  n.gid = gid;
  return 0;
}

int ReferenceFs::set_xattr(const Caller& who, std::string_view path, const std::string& name,
                           std::string_view value, int flags) {
  const Found f = find(who, path);
  if (f.error != 0) return f.error;
  const Node& old = node(f.node);
  if (!S_ISREG(old.mode) && !S_ISDIR(old.mode)) return EPERM;
  const bool sticky = S_ISDIR(old.mode) && (old.mode & S_ISVTX) != 0;
  if (sticky && who.uid != 0 && who.uid != old.uid) return EPERM;
  if (!allows(who, f.node, kWrite)) return EACCES;
  const bool exists = old.xattrs.contains(name);
  if (exists && (flags & XATTR_CREATE) != 0) return EEXIST;
  if (!exists && (flags & XATTR_REPLACE) != 0) return ENODATA;
  change(f.node).xattrs[name] = value;
  return 0;
}

int ReferenceFs::remove_xattr(const Caller& who, std::string_view path, const std::string& name) {
  const Found f = find(who, path);
  if (f.error != 0) return f.error;
  const Node& old = node(f.node);
  if (!S_ISREG(old.mode) && !S_ISDIR(old.mode)) return EPERM;
  const bool sticky = S_ISDIR(old.mode) && (old.mode & S_ISVTX) != 0;
  if (sticky && who.uid != 0 && who.uid != old.uid) return EPERM;
  if (!allows(who, f.node, kWrite)) return EACCES;
  if (!old.xattrs.contains(name)) return ENODATA;
  change(f.node).xattrs.erase(name);
  return 0;
}

}  // namespace cairn::testing
