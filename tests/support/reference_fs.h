#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fsd/vfs/types.h"

namespace cairn::testing {

/// What a filesystem should do, written down as simply as possible: a tree in std::map, without
/// times, handles and ACLs. Each operation returns an errno, 0 if it was done; paths are absolute,
/// begin with '/', and symlinks in them are not followed.
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
  };
  static constexpr NodeId kRoot = 1;

  explicit ReferenceFs(std::uint32_t root_uid = 0, std::uint32_t root_gid = 0);

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
  [[nodiscard]] Place place(const Caller& who, std::string_view path) const;
  [[nodiscard]] Found find(const Caller& who, std::string_view path) const;
  [[nodiscard]] bool allows(const Caller& who, NodeId id, std::uint32_t wanted) const;
  [[nodiscard]] int may_remove(const Caller& who, NodeId directory, NodeId victim) const;
  [[nodiscard]] int check_rename(const Caller& who, const Place& from, const Place& to,
                                 bool exchange) const;
  [[nodiscard]] bool is_within(NodeId directory, NodeId ancestor) const;
  [[nodiscard]] bool is_directory(NodeId id) const;
  int make(const Caller& who, std::string_view path, std::uint32_t mode, std::string_view content);
  Node& change(NodeId id);
  void enter(NodeId directory, const std::string& name, NodeId id);
  void leave(NodeId directory, const std::string& name);
  void drop(NodeId id);
  static bool in_group(const Caller& who, std::uint32_t gid);
  static void drop_privileges(const Caller& who, Node& node);

  std::map<NodeId, std::shared_ptr<const Node>> nodes_;
  NodeId next_ = kRoot + 1;
};

}  // namespace cairn::testing
