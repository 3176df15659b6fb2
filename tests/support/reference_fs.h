#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fsd/vfs/acl.h"
#include "fsd/vfs/types.h"

namespace cairn::testing {

/// What a filesystem should do, written down as simply as possible: a tree in std::map, without
/// times and without an ACL's say in access. Each operation returns an errno, 0 if it was done;
/// paths are absolute, begin with '/', and symlinks in them are not followed. The same operations
/// exist on nodes by number and on names in them, as a door does them.
///
/// Copies are cheap (nodes are shared until they change), so a test can keep the state after every
/// operation and look for the one that a crash went back to.
class ReferenceFs {
 public:
  using NodeId = std::uint64_t;
  struct Node {
    std::uint32_t mode = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t nlink = 0;
    std::string content;                    // a file's bytes, a symlink's target
    std::map<std::string, NodeId> entries;  // a directory's
    NodeId parent = 0;                      // a directory's
    std::map<std::string, std::string> xattrs;
    bool linkable = false;  // it never had a name, and may get one
  };
  static constexpr NodeId kRoot = 1;

  explicit ReferenceFs(std::uint32_t root_uid = 0, std::uint32_t root_gid = 0);

  /// A name in a directory.
  struct At {
    NodeId directory = 0;
    std::string name;
  };

  using Caller = vfs::Caller;
  int make_directory(const Caller& who, std::string_view path, std::uint32_t mode);
  /// Makes an empty file; EEXIST if there is anything.
  int create(const Caller& who, std::string_view path, std::uint32_t mode);
  int make_symlink(const Caller& who, std::string_view path, std::string_view target);
  int link(const Caller& who, std::string_view path, std::string_view new_path);
  int unlink(const Caller& who, std::string_view path);
  int remove_directory(const Caller& who, std::string_view path);
  int rename(const Caller& who, std::string_view path, std::string_view new_path, unsigned flags);
  int write(const Caller& who, std::string_view path, std::uint64_t offset, std::string_view bytes);
  int truncate(const Caller& who, std::string_view path, std::uint64_t size);
  int set_mode(const Caller& who, std::string_view path, std::uint32_t mode);
  int set_owner(const Caller& who, std::string_view path, std::uint32_t uid, std::uint32_t gid);
  /// user.* attributes.
  int set_xattr(const Caller& who, std::string_view path, const std::string& name,
                std::string_view value, int flags);
  int remove_xattr(const Caller& who, std::string_view path, const std::string& name);

  // By number. ESTALE for a node that is not there.
  int make_directory(const Caller& who, const At& at, std::uint32_t mode);
  /// `mode` with a type: a file, fifo, socket or device.
  int make_node(const Caller& who, const At& at, std::uint32_t mode);
  int make_symlink(const Caller& who, const At& at, std::string_view target);
  /// A file without a name, to be held at once; it may get one, if `linkable`, while it is held.
  int make_tmpfile(const Caller& who, NodeId directory, std::uint32_t mode, bool linkable);
  int link(const Caller& who, NodeId id, const At& to);
  int unlink(const Caller& who, const At& at);
  int remove_directory(const Caller& who, const At& at);
  int rename(const Caller& who, const At& from, const At& to, unsigned flags);
  int truncate(const Caller& who, NodeId id, std::uint64_t size);
  int set_mode(const Caller& who, NodeId id, std::uint32_t mode);
  int set_owner(const Caller& who, NodeId id, std::uint32_t uid, std::uint32_t gid);
  int set_xattr(const Caller& who, NodeId id, const std::string& name, std::string_view value,
                int flags);
  int remove_xattr(const Caller& who, NodeId id, const std::string& name);
  /// `name`: system.posix_acl_access or _default. An empty list takes it away.
  int set_acl(NodeId id, const std::string& name, const vfs::Acl& acl);
  /// Of an open file, whose rights were looked at when it was opened; a size only grows.
  int write(const Caller& who, NodeId id, std::uint64_t offset, std::string_view bytes);
  int zero(NodeId id, std::uint64_t offset, std::uint64_t length, bool keep_size);
  int grow(NodeId id, std::uint64_t size);
  int copy(NodeId from, std::uint64_t from_offset, NodeId to, std::uint64_t to_offset,
           std::uint64_t length);

  /// The number that the next new node gets; greater than all before it.
  void set_next(NodeId id) { next_ = id; }
  /// A node without names lives until the last who holds it (an open file, say) lets it go.
  void hold(NodeId id) { ++holds_[id]; }
  void let_go(NodeId id);
  /// Nobody holds anything any more: what a crash does.
  void let_all_go();

  [[nodiscard]] bool contains(NodeId id) const { return nodes_.contains(id); }
  /// What a name in a directory names; 0 for nothing.
  [[nodiscard]] NodeId find(const At& at) const;
  [[nodiscard]] std::vector<NodeId> nodes() const;
  [[nodiscard]] const Node& node(NodeId id) const { return *nodes_.at(id); }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  struct Place {  // where a path leads to, but for its last name
    int error = 0;
    NodeId directory = 0;
    std::string name;
    NodeId node = 0;  // 0: the name is free
  };
  struct Found {
    int error = 0;
    NodeId node = 0;
  };
  static constexpr std::uint32_t kWrite = 2;
  static constexpr std::uint32_t kSearch = 1;
  [[nodiscard]] Place place(const Caller& who, std::string_view path) const;
  [[nodiscard]] Place place(const Caller& who, const At& at) const;
  [[nodiscard]] Found find(const Caller& who, std::string_view path) const;
  [[nodiscard]] bool allows(const Caller& who, NodeId id, std::uint32_t wanted) const;
  [[nodiscard]] int may_remove(const Caller& who, NodeId directory, NodeId victim) const;
  [[nodiscard]] int check_rename(const Caller& who, const Place& from, const Place& to,
                                 bool exchange) const;
  [[nodiscard]] bool is_within(NodeId directory, NodeId ancestor) const;
  [[nodiscard]] bool is_directory(NodeId id) const;
  int make(const Caller& who, const Place& place, std::uint32_t mode, std::string_view content);
  Node fresh(const Caller& who, const Node& parent, std::uint32_t mode) const;
  NodeId add(Node made);
  int link(const Caller& who, NodeId id, const Place& to);
  int unlink(const Caller& who, const Place& place);
  int remove_directory(const Caller& who, const Place& place);
  int rename(const Caller& who, const Place& from, const Place& to, unsigned flags);
  [[nodiscard]] int check_xattr(const Caller& who, NodeId id) const;
  Node& change(NodeId id);
  void enter(NodeId directory, const std::string& name, NodeId id);
  void leave(NodeId directory, const std::string& name);
  void drop(NodeId id);
  static bool in_group(const Caller& who, std::uint32_t gid);
  static void drop_privileges(const Caller& who, Node& node);

  std::map<NodeId, std::shared_ptr<const Node>> nodes_;
  std::map<NodeId, std::uint32_t> holds_;
  NodeId next_ = kRoot + 1;
};

}  // namespace cairn::testing
