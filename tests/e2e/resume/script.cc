#include <cerrno>

#include "tests/e2e/resume/workload.h"

// What a worker does is known beforehand, whatever the others do: it has a directory of its own and
// chooses its fids. So each reply is known, too.

namespace cairn::e2e {
namespace {

using p9::MessageType;
namespace flags = p9::open_flag;

constexpr std::uint32_t kFidsPerWorker = 100'000;
constexpr std::size_t kPieceMax = 4000;
constexpr std::size_t kLargePiece = 150'000;
constexpr std::size_t kFileMax = 600'000;
constexpr std::size_t kDepthMax = 3;
constexpr std::size_t kOpenMax = 6;

bool is_file(const Node& node) { return node.type == Node::Type::kFile; }
bool is_no_directory(const Node& node) { return node.type != Node::Type::kDirectory; }
bool is_anything(const Node&) { return true; }
bool has_xattr(const Node& node) { return is_file(node) && !node.xattrs.empty(); }

void collect(const NodeRef& directory, const std::vector<std::string>& path, const auto& visit) {
  for (const auto& [name, node] : directory->entries) {
    visit(directory, path, name, node);
    if (node->type != Node::Type::kDirectory) continue;
    auto below = path;
    below.push_back(name);
    collect(node, below, visit);
  }
}

}  // namespace

Script::Script(unsigned worker, std::uint64_t seed)
    : random_(seed * 1000 + worker),
      name_("worker" + std::to_string(worker)),
      root_(std::make_shared<Node>(Node{.type = Node::Type::kDirectory, .mode = 0755})),
      base_((worker + 1) * kFidsPerWorker),
      next_fid_(base_ + 1) {
  step(p9::Tmkdir{.dfid = 0, .name = name_, .mode = 0755, .gid = 0}, MessageType::kRmkdir);
  steps_.back().made = root_;
  p9::Twalk walk{.fid = 0, .newfid = base_};
  walk.names.push_back(name_);
  step(walk, MessageType::kRwalk);
}

void Script::add_operations(unsigned count) {
  for (unsigned i = 0; i < count; ++i) add_operation();
}

void Script::add_operation() {
  switch (random_.below(24)) {
    case 0:
    case 1:
    case 2:
      return make_file(false, false);
    case 3:
      return make_file(true, false);
    case 4:
      return make_file(true, true);
    case 5:
    case 6:
      return append();
    case 7:
    case 8:
      return overwrite();
    case 9:
      return truncate();
    case 10:
      return change_mode();
    case 11:
    case 12:
      return rename();
    case 13:
      return link();
    case 14:
      return make_symlink();
    case 15:
      return make_directory();
    case 16:
      return unlink();
    case 17:
      return set_xattr();
    case 18:
      return remove_xattr();
    case 19:
      return read_back();
    case 20:
    case 21:
      return use_open_file();
    case 22:
      return close_one();
    default:
      return fail_once();
  }
}

void Script::step(const p9::Request& request, MessageType expected) {
  steps_.push_back({.message = encode(request), .expected = static_cast<std::uint8_t>(expected)});
}

std::string Script::bytes(std::size_t count) {
  std::string out(count, '\0');
  random_.fill({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return out;
}

std::vector<Script::Place> Script::places(Want want) const {
  std::vector<Place> out;
  collect(root_, {},
          [&](const NodeRef& directory, const auto& path, const std::string& name,
              const NodeRef& node) {
            if (want(*node)) out.push_back({.directory = directory, .path = path, .name = name});
          });
  return out;
}

std::vector<Script::Place> Script::directories() const {
  std::vector<Place> out{{.directory = root_, .path = {}, .name = ""}};
  collect(root_, {}, [&](const NodeRef&, auto path, const std::string& name, const NodeRef& node) {
    if (node->type != Node::Type::kDirectory) return;
    path.push_back(name);
    out.push_back({.directory = node, .path = path, .name = ""});
  });
  return out;
}

bool Script::pick(Want want, Place& place) {
  const auto all = places(want);
  if (all.empty()) return false;
  place = all[random_.below(all.size())];
  return true;
}

Script::Place Script::new_name() {
  const auto all = directories();
  Place place = all[random_.below(all.size())];
  place.name = "n" + std::to_string(next_name_++);
  return place;
}

std::uint32_t Script::walk_to(const std::vector<std::string>& path) {
  p9::Twalk walk{.fid = base_, .newfid = next_fid_++};
  for (const std::string& name : path) walk.names.push_back(name);
  step(walk, MessageType::kRwalk);
  return walk.newfid;
}

std::uint32_t Script::walk_to(const Place& place) {
  auto path = place.path;
  path.push_back(place.name);
  return walk_to(path);
}

void Script::clunk(std::uint32_t fid) {
  if (random_.one_in(8)) step(p9::Tfsync{.fid = fid, .datasync = 0}, MessageType::kRfsync);
  step(p9::Tclunk{.fid = fid}, MessageType::kRclunk);
}

/// In pieces, which are under way at once: they do not touch each other.
void Script::write(std::uint32_t fid, Node& node, std::uint64_t offset, bool appends) {
  const std::uint64_t pieces = appends ? 1 : random_.between(1, 3);
  for (std::uint64_t i = 0; i < pieces; ++i) {
    const std::size_t size =
        random_.one_in(20) ? kLargePiece : static_cast<std::size_t>(random_.between(1, kPieceMax));
    const std::string data = bytes(size);
    step(p9::Twrite{.fid = fid, .offset = offset, .data = as_bytes(data)}, MessageType::kRwrite);
    steps_.back().with_those_before = i > 0;
    if (node.content.size() < offset + size) node.content.resize(offset + size);
    node.content.replace(offset, size, data);
    offset += size;
  }
}

void Script::read(std::uint32_t fid, const Node& node) {
  const std::uint64_t offset = random_.below(node.content.size() + 1);
  const auto count = static_cast<std::uint32_t>(random_.between(1, kLargePiece));
  step(p9::Tread{.fid = fid, .offset = offset, .count = count}, MessageType::kRread);
  steps_.back().checks_data = true;
  steps_.back().data = node.content.substr(offset, count);
}

void Script::make_file(bool keep, bool unlink) {
  const Place place = new_name();
  const std::uint32_t fid = walk_to(place.path);
  const auto node = std::make_shared<Node>();
  node->mode = random_.one_in(3) ? 0600 : 0644;
  step(p9::Tlcreate{.fid = fid,
                    .name = place.name,
                    .flags = flags::kReadWrite | flags::kExclusive,
                    .mode = node->mode,
                    .gid = 0},
       MessageType::kRlcreate);
  steps_.back().made = node;
  place.directory->entries[place.name] = node;
  write(fid, *node, 0);
  if (unlink) {
    const std::uint32_t directory = walk_to(place.path);
    step(p9::Tunlinkat{.dfid = directory, .name = place.name, .flags = 0}, MessageType::kRunlinkat);
    step(p9::Tclunk{.fid = directory}, MessageType::kRclunk);
    place.directory->entries.erase(place.name);
    node->names = 0;
    write(fid, *node, node->content.size());
  }
  if (!keep) return clunk(fid);
  open_.push_back({.fid = fid, .node = node});
  if (open_.size() > kOpenMax) close_one();
}

void Script::append() {
  Place place;
  if (!pick(is_file, place)) return;
  Node& node = *place.directory->entries[place.name];
  if (node.content.size() > kFileMax) return;
  const std::uint32_t fid = walk_to(place);
  step(p9::Tlopen{.fid = fid, .flags = flags::kWriteOnly | flags::kAppend}, MessageType::kRlopen);
  for (std::uint64_t i = random_.between(1, 3); i > 0; --i) {
    write(fid, node, node.content.size(), true);
  }
  clunk(fid);
}

void Script::overwrite() {
  Place place;
  if (!pick(is_file, place)) return;
  Node& node = *place.directory->entries[place.name];
  const std::uint32_t fid = walk_to(place);
  step(p9::Tlopen{.fid = fid, .flags = flags::kReadWrite}, MessageType::kRlopen);
  write(fid, node, random_.below(node.content.size() + kPieceMax));
  read(fid, node);
  clunk(fid);
}

void Script::truncate() {
  Place place;
  if (!pick(is_file, place)) return;
  Node& node = *place.directory->entries[place.name];
  const std::uint32_t fid = walk_to(place);
  if (random_.one_in(3)) {
    step(p9::Tlopen{.fid = fid, .flags = flags::kReadWrite | flags::kTruncate},
         MessageType::kRlopen);
    node.content.clear();
    write(fid, node, 0);
  } else {
    node.content.resize(random_.below(node.content.size() + kPieceMax));
    step(p9::Tsetattr{.fid = fid, .valid = p9::setattr::kSize, .size = node.content.size()},
         MessageType::kRsetattr);
  }
  clunk(fid);
}

void Script::change_mode() {
  Place place;
  if (!pick([](const Node& node) { return node.type != Node::Type::kSymlink; }, place)) return;
  Node& node = *place.directory->entries[place.name];
  node.mode = static_cast<std::uint32_t>(random_.below(0777)) | 0400;
  const std::uint32_t fid = walk_to(place);
  step(p9::Tsetattr{.fid = fid, .valid = p9::setattr::kMode, .mode = node.mode},
       MessageType::kRsetattr);
  clunk(fid);
}

/// To a new name anywhere, or over another file. (A directory stays where it is: it could come to
/// lie below itself.)
void Script::rename() {
  Place from;
  Place to = new_name();
  if (random_.one_in(3)) {
    const auto all = directories();
    if (!pick(is_anything, from)) return;
    to = from;
    to.name = "n" + std::to_string(next_name_++);
  } else if (!pick(is_no_directory, from)) {
    return;
  } else if (random_.one_in(3) && !pick(is_no_directory, to)) {
    return;
  }
  const NodeRef node = from.directory->entries[from.name];
  const auto replaced = to.directory->entries.find(to.name);
  if (replaced != to.directory->entries.end()) {
    if (replaced->second == node) return;  // two names of one file: both stay
    --replaced->second->names;
  }
  const std::uint32_t old_fid = walk_to(from.path);
  const std::uint32_t new_fid = walk_to(to.path);
  step(
      p9::Trenameat{
          .old_dfid = old_fid, .old_name = from.name, .new_dfid = new_fid, .new_name = to.name},
      MessageType::kRrenameat);
  from.directory->entries.erase(from.name);
  to.directory->entries[to.name] = node;
  clunk(old_fid);
  clunk(new_fid);
}

void Script::link() {
  Place place;
  if (!pick(is_file, place)) return;
  const NodeRef node = place.directory->entries[place.name];
  const Place to = new_name();
  const std::uint32_t fid = walk_to(place);
  const std::uint32_t directory = walk_to(to.path);
  step(p9::Tlink{.dfid = directory, .fid = fid, .name = to.name}, MessageType::kRlink);
  to.directory->entries[to.name] = node;
  ++node->names;
  clunk(fid);
  clunk(directory);
}

void Script::make_symlink() {
  const Place place = new_name();
  const auto node = std::make_shared<Node>(
      Node{.type = Node::Type::kSymlink, .mode = 0777, .content = "to/" + place.name});
  const std::uint32_t fid = walk_to(place.path);
  step(p9::Tsymlink{.dfid = fid, .name = place.name, .target = node->content, .gid = 0},
       MessageType::kRsymlink);
  steps_.back().made = node;
  place.directory->entries[place.name] = node;
  clunk(fid);
}

void Script::make_directory() {
  const Place place = new_name();
  if (place.path.size() >= kDepthMax) return;
  const auto node = std::make_shared<Node>(Node{.type = Node::Type::kDirectory, .mode = 0750});
  const std::uint32_t fid = walk_to(place.path);
  step(p9::Tmkdir{.dfid = fid, .name = place.name, .mode = node->mode, .gid = 0},
       MessageType::kRmkdir);
  steps_.back().made = node;
  place.directory->entries[place.name] = node;
  clunk(fid);
}

void Script::unlink() {
  Place place;
  if (!pick([](const Node& node) { return node.entries.empty(); }, place)) return;
  const NodeRef node = place.directory->entries[place.name];
  const std::uint32_t fid = walk_to(place.path);
  const bool is_directory = node->type == Node::Type::kDirectory;
  step(
      p9::Tunlinkat{
          .dfid = fid, .name = place.name, .flags = is_directory ? p9::kUnlinkDirectory : 0},
      MessageType::kRunlinkat);
  place.directory->entries.erase(place.name);
  --node->names;
  clunk(fid);
}

void Script::set_xattr() {
  Place place;
  if (!pick(is_file, place)) return;
  Node& node = *place.directory->entries[place.name];
  const std::string name = "user.x" + std::to_string(random_.below(3));
  const std::string value = bytes(random_.between(1, 500));
  const std::uint32_t fid = walk_to(place);
  step(p9::Txattrcreate{.fid = fid, .name = name, .attr_size = value.size(), .flags = 0},
       MessageType::kRxattrcreate);
  step(p9::Twrite{.fid = fid, .offset = 0, .data = as_bytes(value)}, MessageType::kRwrite);
  step(p9::Tclunk{.fid = fid}, MessageType::kRclunk);
  node.xattrs[name] = value;
}

void Script::remove_xattr() {
  Place place;
  if (!pick(has_xattr, place)) return;
  Node& node = *place.directory->entries[place.name];
  const std::string name = node.xattrs.begin()->first;
  const std::uint32_t fid = walk_to(place);
  step(p9::Txattrcreate{.fid = fid, .name = name, .attr_size = 0, .flags = p9::kXattrReplace},
       MessageType::kRxattrcreate);
  step(p9::Tclunk{.fid = fid}, MessageType::kRclunk);
  node.xattrs.erase(name);
}

void Script::read_back() {
  Place place;
  if (!pick(is_file, place)) return;
  const Node& node = *place.directory->entries[place.name];
  const std::uint32_t fid = walk_to(place);
  step(p9::Tlopen{.fid = fid, .flags = flags::kReadOnly}, MessageType::kRlopen);
  read(fid, node);
  read(fid, node);
  clunk(fid);
}

/// Which may have no name any more, and may be locked.
void Script::use_open_file() {
  if (open_.empty()) return make_file(true, true);
  OpenFile& file = open_[random_.below(open_.size())];
  if (file.node->content.size() < kFileMax) {
    write(file.fid, *file.node, random_.below(file.node->content.size() + 1));
  }
  if (random_.one_in(2)) {
    file.locked = !file.locked;
    step(p9::Tlock{.fid = file.fid,
                   .type = static_cast<std::uint8_t>(file.locked ? p9::LockType::kWrite
                                                                 : p9::LockType::kUnlock),
                   .flags = 0,
                   .start = 0,
                   .length = 100,
                   .proc_id = file.fid,
                   .client_id = name_},
         MessageType::kRlock);
  }
  read(file.fid, *file.node);
}

void Script::close_one() {
  if (open_.empty()) return;
  const std::size_t at = random_.below(open_.size());
  clunk(open_[at].fid);
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
}

/// What fails without a trace must fail each time.
void Script::fail_once() {
  Place place;
  if (!pick(is_anything, place)) return;
  const std::uint32_t fid = walk_to(place.path);
  step(p9::Tmkdir{.dfid = fid, .name = place.name, .mode = 0755, .gid = 0}, MessageType::kRlerror);
  steps_.back().ecode = EEXIST;
  step(p9::Tunlinkat{.dfid = fid, .name = "none", .flags = 0}, MessageType::kRlerror);
  steps_.back().ecode = ENOENT;
  clunk(fid);
}

void Script::add_end() {
  for (const OpenFile& file : open_) {
    read(file.fid, *file.node);
    step(p9::Tfsync{.fid = file.fid, .datasync = 0}, MessageType::kRfsync);
    step(p9::Tclunk{.fid = file.fid}, MessageType::kRclunk);
  }
  open_.clear();
  step(p9::Tfsync{.fid = base_, .datasync = 0}, MessageType::kRfsync);
  step(p9::Tclunk{.fid = base_}, MessageType::kRclunk);
}

}  // namespace cairn::e2e
