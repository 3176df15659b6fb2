#include "tests/support/reference_fs.h"

#include <linux/fs.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "fsd/vfs/xattrs.h"

namespace cairn::testing {
namespace {

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

ReferenceFs::Place ReferenceFs::place(const Caller& who, const At& at) const {
  auto fails = [](int error) { return Place{.error = error, .directory = 0, .name = {}}; };
  if (int error = check_name(at.name)) return fails(error);
  if (!contains(at.directory)) return fails(ESTALE);
  if (!is_directory(at.directory)) return fails(ENOTDIR);
  if (!allows(who, at.directory, kSearch)) return fails(EACCES);
  return {.directory = at.directory, .name = at.name, .node = find(at)};
}

ReferenceFs::NodeId ReferenceFs::find(const At& at) const {
  const auto& entries = node(at.directory).entries;
  const auto entry = entries.find(at.name);
  return entry == entries.end() ? 0 : entry->second;
}

std::vector<ReferenceFs::NodeId> ReferenceFs::nodes() const {
  std::vector<NodeId> all;
  for (const auto& [id, node] : nodes_) all.push_back(id);
  return all;
}

ReferenceFs::Place ReferenceFs::place(const Caller& who, std::string_view path) const {
  Place p;
  p.directory = kRoot;
  path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    p = place(who, At{p.directory, std::string(path.substr(0, slash))});
    if (p.error != 0 || slash == path.npos) return p;
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
  n.nlink = S_ISDIR(n.mode) ? 0 : n.nlink - 1;
  if (n.nlink == 0 && !holds_.contains(id)) nodes_.erase(id);
}

void ReferenceFs::let_go(NodeId id) {
  const auto held = holds_.find(id);
  if (held == holds_.end() || --held->second > 0) return;
  holds_.erase(held);
  if (contains(id) && node(id).nlink == 0) nodes_.erase(id);
}

void ReferenceFs::let_all_go() {
  holds_.clear();
  std::erase_if(nodes_, [](const auto& entry) { return entry.second->nlink == 0; });
}

/// What its maker and its directory give a new node.
ReferenceFs::Node ReferenceFs::fresh(const Caller& who, const Node& parent,
                                     std::uint32_t mode) const {
  Node made;
  made.uid = who.uid;
  made.gid = who.gid;
  if ((parent.mode & S_ISGID) != 0) {
    made.gid = parent.gid;
    if (S_ISDIR(mode)) mode |= S_ISGID;
    const bool executable = (mode & S_IXGRP) != 0 && !S_ISDIR(mode);
    if (executable && who.uid != 0 && !in_group(who, parent.gid)) mode &= ~S_ISGID;
  }
  const auto defaults = parent.xattrs.find(std::string(vfs::kAclDefault));
  if (defaults != parent.xattrs.end() && !S_ISLNK(mode)) {
    vfs::Acl access = vfs::Acl::decode(defaults->second).value();
    access.mask_for_creation(mode);
    if (!access.minimal()) made.xattrs[std::string(vfs::kAclAccess)] = access.encode();
    if (S_ISDIR(mode)) made.xattrs.insert(*defaults);
  }
  made.mode = mode;
  made.nlink = S_ISDIR(mode) ? 2 : 1;
  return made;
}

ReferenceFs::NodeId ReferenceFs::add(Node made) {
  const NodeId id = next_++;
  nodes_[id] = std::make_shared<Node>(std::move(made));
  return id;
}

int ReferenceFs::make(const Caller& who, const Place& p, std::uint32_t mode,
                      std::string_view content) {
  if (p.error != 0) return p.error;
  if (p.node != 0) return EEXIST;
  if (node(p.directory).nlink == 0) return ENOENT;
  if (!allows(who, p.directory, kWrite | kSearch)) return EACCES;
  Node made = fresh(who, node(p.directory), mode);
  made.content = content;
  enter(p.directory, p.name, add(std::move(made)));
  return 0;
}

int ReferenceFs::make_directory(const Caller& who, std::string_view path, std::uint32_t mode) {
  return make(who, place(who, path), S_IFDIR | (mode & 01777), {});
}
int ReferenceFs::make_directory(const Caller& who, const At& at, std::uint32_t mode) {
  return make(who, place(who, at), S_IFDIR | (mode & 01777), {});
}
int ReferenceFs::create(const Caller& who, std::string_view path, std::uint32_t mode) {
  return make(who, place(who, path), S_IFREG | (mode & 07777), {});
}
int ReferenceFs::make_node(const Caller& who, const At& at, std::uint32_t mode) {
  return make(who, place(who, at), mode, {});
}
int ReferenceFs::make_symlink(const Caller& who, std::string_view path, std::string_view target) {
  return make(who, place(who, path), S_IFLNK | 0777, target);
}
int ReferenceFs::make_symlink(const Caller& who, const At& at, std::string_view target) {
  return make(who, place(who, at), S_IFLNK | 0777, target);
}

int ReferenceFs::make_tmpfile(const Caller& who, NodeId directory, std::uint32_t mode,
                              bool linkable) {
  if (!contains(directory)) return ESTALE;
  if (!is_directory(directory)) return ENOTDIR;
  if (node(directory).nlink == 0) return ENOENT;
  if (!allows(who, directory, kWrite | kSearch)) return EACCES;
  Node made = fresh(who, node(directory), S_IFREG | (mode & 07777));
  made.nlink = 0;
  made.linkable = linkable;
  add(std::move(made));
  return 0;
}

int ReferenceFs::link(const Caller& who, std::string_view path, std::string_view new_path) {
  const Found from = find(who, path);
  if (from.error != 0) return from.error;
  return link(who, from.node, place(who, new_path));
}
int ReferenceFs::link(const Caller& who, NodeId id, const At& to) {
  if (!contains(id)) return ESTALE;
  return link(who, id, place(who, to));
}
int ReferenceFs::link(const Caller& who, NodeId id, const Place& to) {
  if (to.error != 0) return to.error;
  if (to.node != 0) return EEXIST;
  if (node(to.directory).nlink == 0) return ENOENT;
  if (!allows(who, to.directory, kWrite | kSearch)) return EACCES;
  if (is_directory(id)) return EPERM;
  if (node(id).nlink == 0 && !node(id).linkable) return ENOENT;
  Node& n = change(id);
  ++n.nlink;
  n.linkable = false;
  enter(to.directory, to.name, id);
  return 0;
}

int ReferenceFs::may_remove(const Caller& who, NodeId directory, NodeId victim) const {
  if (!allows(who, directory, kWrite | kSearch)) return EACCES;
  const bool sticky = (node(directory).mode & S_ISVTX) != 0;
  const bool owns = who.uid == 0 || who.uid == node(victim).uid || who.uid == node(directory).uid;
  return sticky && !owns ? EPERM : 0;
}

int ReferenceFs::unlink(const Caller& who, std::string_view path) {
  return unlink(who, place(who, path));
}
int ReferenceFs::unlink(const Caller& who, const At& at) { return unlink(who, place(who, at)); }
int ReferenceFs::unlink(const Caller& who, const Place& p) {
  if (p.error != 0) return p.error;
  if (p.node == 0) return ENOENT;
  if (int error = may_remove(who, p.directory, p.node)) return error;
  if (is_directory(p.node)) return EISDIR;
  leave(p.directory, p.name);
  drop(p.node);
  return 0;
}

int ReferenceFs::remove_directory(const Caller& who, std::string_view path) {
  return remove_directory(who, place(who, path));
}
int ReferenceFs::remove_directory(const Caller& who, const At& at) {
  return remove_directory(who, place(who, at));
}
int ReferenceFs::remove_directory(const Caller& who, const Place& p) {
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
    if (directory == kRoot || !contains(directory)) return false;
  }
  return true;
}

int ReferenceFs::check_rename(const Caller& who, const Place& from, const Place& to,
                              bool exchange) const {
  const bool moves = from.directory != to.directory;
  if (int error = may_remove(who, from.directory, from.node)) return error;
  if (to.node == 0) {
    if (node(to.directory).nlink == 0) return ENOENT;
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
  return rename(who, place(who, path), place(who, new_path), flags);
}
int ReferenceFs::rename(const Caller& who, const At& from, const At& to, unsigned flags) {
  return rename(who, place(who, from), place(who, to), flags);
}
int ReferenceFs::rename(const Caller& who, const Place& from, const Place& to, unsigned flags) {
  if (flags > RENAME_EXCHANGE || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) return EINVAL;
  const bool exchange = flags == RENAME_EXCHANGE;
  if (from.error != 0) return from.error;
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

}  // namespace cairn::testing
