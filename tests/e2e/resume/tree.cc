#include "tests/e2e/resume/tree.h"

#include <sys/stat.h>

namespace cairn::e2e {
namespace {

constexpr std::uint32_t kAtOnce = 128U << 10;
constexpr std::uint32_t kFile = 900'001, kXattr = 900'002;

std::string read_all(Caller& caller, std::uint32_t fid) {
  std::string out;
  for (;;) {
    const auto data =
        caller.get<p9::Rread>(p9::Tread{.fid = fid, .offset = out.size(), .count = kAtOnce}).data;
    if (data.empty()) return out;
    out += as_string(data);
  }
}

std::string read_xattr(Caller& caller, std::uint32_t fid, const std::string& name) {
  caller.get<p9::Rxattrwalk>(p9::Txattrwalk{.fid = fid, .newfid = kXattr, .name = name});
  std::string value = read_all(caller, kXattr);
  caller.get<p9::Rclunk>(p9::Tclunk{.fid = kXattr});
  return value;
}

std::map<std::string, std::string> read_xattrs(Caller& caller, std::uint32_t fid) {
  std::map<std::string, std::string> out;
  const std::string names = read_xattr(caller, fid, "");
  for (std::size_t at = 0; at < names.size();) {
    const std::string name = names.c_str() + at;
    out[name] = read_xattr(caller, fid, name);
    at += name.size() + 1;
  }
  return out;
}

std::vector<std::string> read_names(Caller& caller, std::uint32_t fid) {
  std::vector<std::string> names;
  std::uint64_t offset = 0;
  for (;;) {
    auto data =
        caller.get<p9::Rreaddir>(p9::Treaddir{.fid = fid, .offset = offset, .count = kAtOnce}).data;
    if (data.empty()) return names;
    while (const auto entry = p9::take_entry(data)) {
      offset = entry->offset;
      if (entry->name != "." && entry->name != "..") names.emplace_back(entry->name);
    }
  }
}

NodeRef read_node(Caller& caller, const std::vector<std::string>& path) {
  auto node = std::make_shared<Node>();
  const std::uint32_t fid = kFile;
  caller.walk(0, fid, path);
  const auto stat =
      caller.get<p9::Rgetattr>(p9::Tgetattr{.fid = fid, .request_mask = p9::getattr::kBasic});
  node->mode = stat.mode & 07777;
  node->names = static_cast<unsigned>(stat.nlink);
  node->ino = stat.qid.path;
  node->xattrs = read_xattrs(caller, fid);
  std::vector<std::string> names;
  if (S_ISLNK(stat.mode)) {
    node->type = Node::Type::kSymlink;
    node->content = caller.get<p9::Rreadlink>(p9::Treadlink{.fid = fid}).target;
  } else {
    caller.get<p9::Rlopen>(p9::Tlopen{.fid = fid, .flags = p9::open_flag::kReadOnly});
    node->type = S_ISDIR(stat.mode) ? Node::Type::kDirectory : Node::Type::kFile;
    if (S_ISDIR(stat.mode)) {
      names = read_names(caller, fid);
    } else {
      node->content = read_all(caller, fid);
      if (node->content.size() != stat.size) fail("a file's size is not that of its content");
    }
  }
  caller.get<p9::Rclunk>(p9::Tclunk{.fid = fid});
  for (const std::string& name : names) {
    auto below = path;
    below.push_back(name);
    node->entries[name] = read_node(caller, below);
  }
  return node;
}

std::string brief(const std::string& content) {
  const std::size_t hash = std::hash<std::string>()(content);
  return std::to_string(content.size()) + " bytes, hash " + std::to_string(hash % 1'000'000);
}

}  // namespace

NodeRef read_tree(Caller& caller) { return read_node(caller, {}); }

std::vector<std::string> differences(const Node& should, const Node& is, const std::string& path) {
  std::vector<std::string> out;
  const auto expect = [&](bool same, const std::string& what) {
    if (!same) out.push_back(path + ": " + what);
  };
  expect(should.type == is.type, "another kind of node");
  expect(should.mode == is.mode,
         "its mode is " + std::to_string(is.mode) + " and not " + std::to_string(should.mode));
  expect(should.content == is.content,
         "its content is " + brief(is.content) + " and not " + brief(should.content));
  expect(should.xattrs == is.xattrs, "its extended attributes differ");
  expect(should.ino == 0 || should.ino == is.ino, "it has another number");
  expect(should.type == Node::Type::kDirectory || should.names == is.names,
         "it has " + std::to_string(is.names) + " names and not " + std::to_string(should.names));
  for (const auto& [name, node] : should.entries) {
    const auto found = is.entries.find(name);
    expect(found != is.entries.end(), name + " is missing");
    if (found == is.entries.end()) continue;
    const auto below = differences(*node, *found->second, path + "/" + name);
    out.insert(out.end(), below.begin(), below.end());
  }
  for (const auto& [name, node] : is.entries) {
    expect(should.entries.contains(name), name + " should not be there");
  }
  return out;
}

}  // namespace cairn::e2e
