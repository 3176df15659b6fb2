// Operations on names, attributes and directories.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "fsd/vfs/xattrs.h"
#include "tests/sim/core_daemon.h"

namespace cairn::sim {

namespace {

constexpr std::size_t kNodesMax = 40;

std::string shown(const testing::ReferenceFs::At& at) {
  return std::to_string(at.directory) + "/" + at.name;
}

template <class T>
std::uint64_t made_ino(const Result<T>& result) {
  return result ? result->ino.value() : 0;
}

}  // namespace

bool CoreDaemon::conclude(const std::string& what, int got, int want, Txn txn, ReferenceFs next,
                          std::initializer_list<NodeId> changed) {
  shared_.verdict.say("  " + name_ + ": " + what + " -> " + std::to_string(got) +
                      (txn != 0 ? ", transaction " + std::to_string(txn) : ""));
  if (txn != 0 && !volume_->end()) violation(what + ": a crash could leave half of it");
  if (got != want) {
    const bool full = got == ENOSPC && settings_.fs.bytes_max != UINT64_MAX;
    if (full || (got != 0 && lost())) return false;
    violation(what + ": errno " + std::to_string(got) + ", should be " + std::to_string(want));
    return false;
  }
  if (got != 0) return false;
  now_ = std::move(next);
  if (txn == 0) return true;
  // What follows it, up to now, began in its wake and is not for anybody to see.
  for (Txn t = txn; t < history_.size(); ++t) history_.set_state(t, now_);
  for (const NodeId id : changed) {
    if (id != 0) changed_[id] = txn;
  }
  return true;
}

std::vector<CoreDaemon::NodeId> CoreDaemon::find_nodes(std::uint32_t type) const {
  std::vector<NodeId> found;
  for (const NodeId id : now_.nodes()) {
    const auto& node = now_.node(id);
    if (node.nlink > 0 && (type == 0 || (node.mode & S_IFMT) == type)) found.push_back(id);
  }
  return found;
}

CoreDaemon::NodeId CoreDaemon::draw_node(std::uint32_t type) {
  const auto nodes = find_nodes(type);
  return nodes.empty() ? 0 : nodes[random_.below(nodes.size())];
}

CoreDaemon::At CoreDaemon::draw_place() {
  const NodeId directory = random_.one_in(3) ? ReferenceFs::kRoot : draw_node(S_IFDIR);
  // An old name or a new one.
  const auto& entries = now_.node(directory).entries;
  if (!entries.empty() && random_.one_in(2)) {
    const auto at = static_cast<std::ptrdiff_t>(random_.below(entries.size()));
    return {directory, std::next(entries.begin(), at)->first};
  }
  return {directory, std::string(1, static_cast<char>('a' + random_.below(6)))};
}

Task<> CoreDaemon::operate() {
  const At at = draw_place();
  const NodeId any = draw_node(0);
  const bool crowded = now_.size() > kNodesMax;
  switch (random_.below(26)) {
    case 0:
    case 1:
      return crowded ? unlink(at) : make(at);
    case 2:
      return crowded ? remove_directory(at) : make_symlink(at);
    case 3:
      return link(at);
    case 4:
    case 5:
      return unlink(at);
    case 6:
      return remove_directory(at);
    case 7:
    case 8: {
      const unsigned flags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
      return rename(at, draw_place(), flags[random_.below(4)]);
    }
    case 9:
      return change_attributes(any);
    case 10:
      return random_.one_in(3) ? change_acl(any) : change_xattr(any);
    case 11:
      return random_.one_in(2) ? list(draw_node(S_IFDIR)) : sync();
    case 12:
      return crowded ? unlink(at) : create(at);
    case 13:
      return random_.one_in(3) ? make_tmpfile(at.directory) : open_file(draw_node(S_IFREG));
    default:
      return operate_on_file();
  }
}

Task<> CoreDaemon::make(At at) {
  const Kept kept(*this, {at.directory});
  const auto mode = static_cast<std::uint32_t>(random_.below(01000));
  const std::uint32_t types[] = {S_IFREG, S_IFIFO, S_IFDIR, S_IFDIR};
  const std::uint32_t type = types[random_.below(4)];
  const vfs::NewNode node{.mode = type | mode};
  Txn txn = 0;
  const bool directory = type == S_IFDIR;
  auto got = co_await perform(&txn, [&] {
    return directory ? fs_->make_directory({}, Ino(at.directory), at.name, node)
                     : fs_->make_node({}, Ino(at.directory), at.name, node);
  });
  ReferenceFs next = now_;
  const NodeId ino = made_ino(got);
  next.set_next(ino);
  const int want =
      directory ? next.make_directory({}, at, mode) : next.make_node({}, at, type | mode);
  conclude("make " + shown(at), outcome(got), want, txn, std::move(next), {at.directory, ino});
}

Task<> CoreDaemon::make_symlink(At at) {
  const Kept kept(*this, {at.directory});
  const std::string target(1 + random_.below(300), 't');
  Txn txn = 0;
  auto got = co_await perform(
      &txn, [&] { return fs_->make_symlink({}, Ino(at.directory), at.name, target); });
  ReferenceFs next = now_;
  const NodeId ino = made_ino(got);
  next.set_next(ino);
  const int want = next.make_symlink({}, at, target);
  conclude("symlink " + shown(at), outcome(got), want, txn, std::move(next), {at.directory, ino});
}

Task<> CoreDaemon::link(At to) {
  NodeId id = draw_node(0);
  if (!files_.empty() && random_.one_in(3)) id = files_[random_.below(files_.size())].node;
  const Kept kept(*this, {id, to.directory});
  Txn txn = 0;
  auto got =
      co_await perform(&txn, [&] { return fs_->link({}, Ino(id), Ino(to.directory), to.name); });
  ReferenceFs next = now_;
  const int want = next.link({}, id, to);
  conclude("link " + std::to_string(id) + " " + shown(to), outcome(got), want, txn, std::move(next),
           {id, to.directory});
}

Task<> CoreDaemon::unlink(At at) {
  const Kept kept(*this, {at.directory});
  Txn txn = 0;
  auto got = co_await perform(&txn, [&] { return fs_->unlink({}, Ino(at.directory), at.name); });
  ReferenceFs next = now_;
  const NodeId id = next.contains(at.directory) ? next.find(at) : 0;
  const int want = next.unlink({}, at);
  conclude("unlink " + shown(at), outcome(got), want, txn, std::move(next), {at.directory, id});
}

Task<> CoreDaemon::remove_directory(At at) {
  const Kept kept(*this, {at.directory});
  Txn txn = 0;
  auto got =
      co_await perform(&txn, [&] { return fs_->remove_directory({}, Ino(at.directory), at.name); });
  ReferenceFs next = now_;
  const int want = next.remove_directory({}, at);
  conclude("rmdir " + shown(at), outcome(got), want, txn, std::move(next), {at.directory});
}

Task<> CoreDaemon::rename(At from, At to, unsigned flags) {
  const Kept kept(*this, {from.directory, to.directory});
  Txn txn = 0;
  auto got = co_await perform(&txn, [&] {
    return fs_->rename({}, Ino(from.directory), from.name, Ino(to.directory), to.name, flags);
  });
  ReferenceFs next = now_;
  const NodeId id = next.find(from);
  const bool same = id == next.find(to);  // two names of one file: nothing is done
  const int want = next.rename({}, from, to, flags);
  const std::string what =
      "rename " + shown(from) + " " + shown(to) + " flags " + std::to_string(flags);
  conclude(what, outcome(got), want, txn, std::move(next),
           {same ? 0 : from.directory, same ? 0 : to.directory, same ? 0 : id});
}

Task<> CoreDaemon::change_attributes(NodeId id) {
  const Kept kept(*this, {id});
  vfs::AttributeChange change;
  const std::uint64_t kind = random_.below(4);
  if (kind == 0) change.mode = static_cast<std::uint32_t>(random_.below(010000));
  if (kind == 1) {
    change.uid = static_cast<std::uint32_t>(random_.below(3));
    change.gid = static_cast<std::uint32_t>(random_.below(3));
  }
  if (kind == 2) change.mtime = static_cast<std::int64_t>(random_.below(1'000'000));
  if (kind == 3) change.size = draw_offset();
  Txn txn = 0;
  auto got = co_await perform(
      &txn, [&] { return fs_->set_attributes({}, Ino(id), vfs::HandleId(), change); });
  ReferenceFs next = now_;
  int want = 0;
  if (kind == 0) want = next.set_mode({}, id, *change.mode);
  if (kind == 1) want = next.set_owner({}, id, *change.uid, *change.gid);
  if (kind == 3) want = next.truncate({}, id, *change.size);
  conclude("setattr " + std::to_string(kind) + " of " + std::to_string(id), outcome(got), want, txn,
           std::move(next), {id});
}

Task<> CoreDaemon::change_xattr(NodeId id) {
  const Kept kept(*this, {id});
  const std::string name = "user." + std::to_string(random_.below(3));
  const bool remove = random_.one_in(3);
  const int flags = static_cast<int>(random_.below(3));
  const std::string value(random_.below(random_.one_in(9) ? 20'000 : 60), 'v');
  Txn txn = 0;
  auto got = co_await perform(&txn, [&] {
    return remove ? fs_->remove_xattr({}, Ino(id), name)
                  : fs_->set_xattr({}, Ino(id), name, value, flags);
  });
  ReferenceFs next = now_;
  const int want =
      remove ? next.remove_xattr({}, id, name) : next.set_xattr({}, id, name, value, flags);
  conclude("xattr of " + std::to_string(id), outcome(got), want, txn, std::move(next), {id});
}

Task<> CoreDaemon::change_acl(NodeId id) {
  const Kept kept(*this, {id});
  using vfs::Acl;
  const std::string name(random_.one_in(2) ? vfs::kAclAccess : vfs::kAclDefault);
  auto draw = [this] { return static_cast<std::uint16_t>(random_.below(8)); };
  std::vector<Acl::Entry> entries{{Acl::kUserObj, draw()}, {Acl::kUser, draw(), 7}};
  entries.insert(entries.end(),
                 {{Acl::kGroupObj, draw()}, {Acl::kMask, draw()}, {Acl::kOther, draw()}});
  const Acl acl(random_.one_in(4) ? std::vector<Acl::Entry>() : entries);
  const std::string value = acl.empty() ? "" : acl.encode();
  Txn txn = 0;
  auto got = co_await perform(&txn, [&] {
    return acl.empty() ? fs_->remove_xattr({}, Ino(id), name)
                       : fs_->set_xattr({}, Ino(id), name, value, 0);
  });
  ReferenceFs next = now_;
  const int want = next.set_acl(id, name, acl);
  const bool nothing = name == vfs::kAclDefault && !S_ISDIR(now_.node(id).mode);
  conclude("acl of " + std::to_string(id), outcome(got), want, txn, std::move(next),
           {nothing ? 0 : id});
}

/// What stat shows, which waits for nothing.
void CoreDaemon::look_at(NodeId id) {
  const auto& want = now_.node(id);
  const auto got = fs_->peek_attributes(Ino(id));
  if (!got && lost()) return;
  const std::uint64_t size = S_ISDIR(want.mode) ? want.entries.size() : want.content.size();
  const bool right = got && got->inode.mode == want.mode && got->inode.nlink == want.nlink &&
                     got->inode.uid == want.uid && got->inode.size == size;
  if (right) return;
  violation("stat of " + std::to_string(id) + " shows " +
            (got ? "nlink " + std::to_string(got->inode.nlink) + ", size " +
                       std::to_string(got->inode.size)
                 : got.error().message()) +
            "; should be " + std::to_string(want.nlink) + ", " + std::to_string(size));
}

Task<> CoreDaemon::list(NodeId id) {
  const Kept kept(*this, {id});
  auto handle = co_await fs_->open_directory({}, Ino(id));
  if (!handle) {
    if (!lost()) violation("opendir of " + std::to_string(id) + " fails");
    co_return;
  }
  std::map<std::string, NodeId> got;
  const auto listed = fs_->read_directory(*handle, 0, [&](const vfs::DirectoryEntry& entry) {
    if (entry.name != "." && entry.name != "..") got.emplace(entry.name, entry.ino.value());
    return true;
  });
  const bool right = listed && got == now_.node(id).entries;
  if (!right && !lost()) violation("the list of " + std::to_string(id) + " is another");
  (void)co_await fs_->release_directory(*handle);
}

}  // namespace cairn::sim
