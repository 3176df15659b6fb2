#include "tests/support/reference_compare.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <vector>

namespace cairn::testing {
namespace {

using Difference = std::optional<std::string>;

/// One walk over both trees.
class Comparison {
 public:
  Comparison(vfs::Vfs& fs, const ReferenceFs& reference) : fs_(fs), reference_(reference) {}

  Task<Difference> run() {
    std::vector<Pair> todo{{"/", vfs::kRootIno, ReferenceFs::kRoot}};
    while (!todo.empty()) {
      const Pair pair = todo.back();
      todo.pop_back();
      auto difference = co_await compare_node(pair);
      if (difference) co_return difference;
      if (!S_ISDIR(reference_.node(pair.node).mode)) continue;
      difference = co_await compare_entries(pair, todo);
      if (difference) co_return difference;
    }
    const std::uint64_t inodes = fs_.stats().inodes_used;
    if (inodes < reference_.size()) {
      co_return fmt::format("{} inodes are counted, there are {}", inodes, reference_.size());
    }
    co_return std::nullopt;
  }

 private:
  struct Pair {
    std::string path;
    Ino ino;
    ReferenceFs::NodeId node = 0;
  };
  static std::string failure(const Pair& pair, const char* what, const Error& error) {
    return fmt::format("{}: {} fails: {}", pair.path, what, error.message());
  }

  Task<Difference> compare_node(Pair pair) {
    const ReferenceFs::Node& want = reference_.node(pair.node);
    auto [seen, fresh] = inos_.emplace(pair.node, pair.ino);
    if (seen->second != pair.ino) {
      co_return fmt::format("{} should be the same file as inode {}, but is {}", pair.path,
                            seen->second.value(), pair.ino.value());
    }
    if (!fresh) co_return std::nullopt;
    auto got = fs_.peek_attributes(pair.ino);
    if (!got) co_return failure(pair, "stat", got.error());
    const vfs::InodeRecord& r = got->inode;
    const std::uint64_t size = S_ISDIR(want.mode) ? want.entries.size() : want.content.size();
    auto shown = [](auto mode, auto uid, auto gid, auto nlink, auto bytes) {
      return fmt::format("mode {:o}, owner {}:{}, {} links, size {}", mode, uid, gid, nlink, bytes);
    };
    const std::string is = shown(r.mode, r.uid, r.gid, r.nlink, r.size);
    const std::string should_be = shown(want.mode, want.uid, want.gid, want.nlink, size);
    if (is != should_be) co_return fmt::format("{} is {}; should be {}", pair.path, is, should_be);
    auto difference = co_await compare_content(pair, want);
    if (difference) co_return difference;
    co_return co_await compare_xattrs(pair, want);
  }

  Task<Difference> compare_content(Pair pair, const ReferenceFs::Node& want) {
    if (S_ISLNK(want.mode)) {
      auto target = co_await fs_.read_symlink({}, pair.ino);
      if (!target) co_return failure(pair, "readlink", target.error());
      if (*target != want.content) co_return pair.path + " is a symlink to " + *target;
    }
    if (!S_ISREG(want.mode)) co_return std::nullopt;
    auto handle = co_await fs_.open_file({}, pair.ino, O_RDONLY | O_NOATIME);
    if (!handle) co_return failure(pair, "open", handle.error());
    std::string bytes(want.content.size() + 1, '\0');
    const MutableByteView into(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    auto count = co_await fs_.read(*handle, 0, into);
    auto closed = co_await fs_.release(*handle);
    if (!count) co_return failure(pair, "read", count.error());
    if (!closed) co_return failure(pair, "close", closed.error());
    bytes.resize(*count);
    if (bytes == want.content) co_return std::nullopt;
    const std::size_t shorter = std::min(bytes.size(), want.content.size());
    std::size_t at = 0;
    while (at < shorter && bytes[at] == want.content[at]) ++at;
    co_return fmt::format("{} differs from byte {} on", pair.path, at);
  }

  Task<Difference> compare_xattrs(Pair pair, const ReferenceFs::Node& want) {
    auto names = co_await fs_.list_xattr({}, pair.ino);
    if (!names) co_return failure(pair, "listxattr", names.error());
    std::map<std::string, std::string> got;
    for (const std::string& name : *names) {
      auto value = co_await fs_.get_xattr({}, pair.ino, name);
      if (!value) co_return failure(pair, "getxattr", value.error());
      got[name] = *value;
    }
    if (got == want.xattrs) co_return std::nullopt;
    co_return fmt::format("{} has {} extended attributes, should have {}, or values differ",
                          pair.path, got.size(), want.xattrs.size());
  }

  Task<Difference> compare_entries(Pair pair, std::vector<Pair>& todo) {
    auto handle = co_await fs_.open_directory({}, pair.ino);
    if (!handle) co_return failure(pair, "opendir", handle.error());
    std::map<std::string, std::pair<Ino, std::uint32_t>> got;
    auto listed = fs_.read_directory(*handle, 0, [&got](const vfs::DirectoryEntry& e) {
      got[std::string(e.name)] = {e.ino, static_cast<std::uint32_t>(e.type) << 12};
      return true;
    });
    auto closed = co_await fs_.release_directory(*handle);
    if (!listed) co_return failure(pair, "readdir", listed.error());
    if (!closed) co_return failure(pair, "closedir", closed.error());
    const std::string prefix = pair.path == "/" ? "/" : pair.path + "/";
    const ReferenceFs::Node& want = reference_.node(pair.node);
    const Ino above = inos_.at(want.parent);
    if (got["."].first != pair.ino || got[".."].first != above) {
      co_return pair.path + " has a wrong . or ..";
    }
    got.erase(".");
    got.erase("..");
    for (const auto& [name, node] : want.entries) {
      auto found = got.find(name);
      if (found == got.end()) co_return prefix + name + " is missing";
      const std::uint32_t type = reference_.node(node).mode & S_IFMT;
      if (found->second.second != type) co_return prefix + name + " is listed with a wrong type";
      todo.push_back({prefix + name, found->second.first, node});
      got.erase(found);
    }
    if (!got.empty()) co_return prefix + got.begin()->first + " should not exist";
    co_return std::nullopt;
  }

  vfs::Vfs& fs_;
  const ReferenceFs& reference_;
  std::map<ReferenceFs::NodeId, Ino> inos_;
};

}  // namespace

Task<std::optional<std::string>> compare(vfs::Vfs& fs, const ReferenceFs& reference) {
  Comparison comparison(fs, reference);
  co_return co_await comparison.run();
}

}  // namespace cairn::testing
