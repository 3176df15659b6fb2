#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/resume/caller.h"

namespace cairn::e2e {

/// A file, directory or link, as it should be or as it is.
struct Node {
  enum class Type { kFile, kDirectory, kSymlink };
  Type type = Type::kFile;
  std::uint32_t mode = 0;
  std::string content;  // or a link's target
  std::map<std::string, std::string> xattrs;
  std::map<std::string, std::shared_ptr<Node>> entries;
  unsigned names = 1;     // hard links
  std::uint64_t ino = 0;  // 0: not known
};
using NodeRef = std::shared_ptr<Node>;

/// What is below fid 0 of a session that has begun.
NodeRef read_tree(Caller& caller);
/// Each difference, a line.
std::vector<std::string> differences(const Node& should, const Node& is, const std::string& path);

}  // namespace cairn::e2e
