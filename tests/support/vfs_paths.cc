#include "tests/support/vfs_paths.h"

#include <fcntl.h>

#include <utility>

namespace cairn::testing {
namespace {

template <class T>
int outcome(const Result<T>& result) {
  return result ? 0 : to_errno(result.error());
}

}  // namespace

Task<Result<VfsPaths::Place>> VfsPaths::place(Caller who, std::string path) {
  Place p{vfs::kRootIno, {}};
  std::size_t begin = 1;
  for (;;) {
    const std::size_t slash = path.find('/', begin);
    p.name = path.substr(begin, slash == path.npos ? path.npos : slash - begin);
    if (slash == path.npos) co_return p;
    CO_TRY(const auto found, co_await fs_.lookup(who, p.directory, p.name));
    p.directory = found.ino;
    begin = slash + 1;
  }
}

Task<Result<Ino>> VfsPaths::find(Caller who, std::string path) {
  if (path == "/") co_return vfs::kRootIno;
  CO_TRY(const Place p, co_await place(who, path));
  CO_TRY(const auto found, co_await fs_.lookup(who, p.directory, p.name));
  co_return found.ino;
}

// A body for each operation on a place, and on an inode.
#define CAIRN_AT_PLACE(...)           \
  auto p = co_await place(who, path); \
  if (!p) co_return outcome(p);       \
  auto done = co_await __VA_ARGS__;   \
  co_return outcome(done)
#define CAIRN_ON_INODE(...)            \
  auto ino = co_await find(who, path); \
  if (!ino) co_return outcome(ino);    \
  auto done = co_await __VA_ARGS__;    \
  co_return outcome(done)

Task<int> VfsPaths::make_directory(Caller who, std::string path, std::uint32_t mode) {
  CAIRN_AT_PLACE(fs_.make_directory(who, p->directory, p->name, {.mode = mode}));
}
Task<int> VfsPaths::create(Caller who, std::string path, std::uint32_t mode) {
  CAIRN_AT_PLACE(fs_.make_node(who, p->directory, p->name, {.mode = S_IFREG | mode}));
}
Task<int> VfsPaths::make_symlink(Caller who, std::string path, std::string target) {
  CAIRN_AT_PLACE(fs_.make_symlink(who, p->directory, p->name, target));
}
Task<int> VfsPaths::unlink(Caller who, std::string path) {
  CAIRN_AT_PLACE(fs_.unlink(who, p->directory, p->name));
}
Task<int> VfsPaths::remove_directory(Caller who, std::string path) {
  CAIRN_AT_PLACE(fs_.remove_directory(who, p->directory, p->name));
}
Task<int> VfsPaths::set_xattr(Caller who, std::string path, std::string name, std::string value,
                              int flags) {
  CAIRN_ON_INODE(fs_.set_xattr(who, *ino, name, value, flags));
}
Task<int> VfsPaths::remove_xattr(Caller who, std::string path, std::string name) {
  CAIRN_ON_INODE(fs_.remove_xattr(who, *ino, name));
}
Task<int> VfsPaths::change(Caller who, std::string path, vfs::AttributeChange wanted) {
  CAIRN_ON_INODE(fs_.set_attributes(who, *ino, vfs::HandleId(), wanted));
}
#undef CAIRN_AT_PLACE
#undef CAIRN_ON_INODE

Task<int> VfsPaths::truncate(Caller who, std::string path, std::uint64_t size) {
  vfs::AttributeChange wanted;
  wanted.size = size;
  co_return co_await change(who, path, wanted);
}
Task<int> VfsPaths::set_mode(Caller who, std::string path, std::uint32_t mode) {
  vfs::AttributeChange wanted;
  wanted.mode = mode;
  co_return co_await change(who, path, wanted);
}
Task<int> VfsPaths::set_owner(Caller who, std::string path, std::uint32_t uid, std::uint32_t gid) {
  vfs::AttributeChange wanted;
  wanted.uid = uid;
  wanted.gid = gid;
  co_return co_await change(who, path, wanted);
}

Task<int> VfsPaths::link(Caller who, std::string path, std::string new_path) {
  auto ino = co_await find(who, path);
  if (!ino) co_return outcome(ino);
  auto to = co_await place(who, new_path);
  if (!to) co_return outcome(to);
  auto done = co_await fs_.link(who, *ino, to->directory, to->name);
  co_return outcome(done);
}

Task<int> VfsPaths::rename(Caller who, std::string path, std::string new_path, unsigned flags) {
  auto from = co_await place(who, path);
  if (!from) co_return outcome(from);
  // The walk to the first name ends before the walk to the second begins.
  auto searched = co_await fs_.lookup(who, from->directory, ".");
  if (!searched) co_return outcome(searched);
  auto to = co_await place(who, new_path);
  if (!to) co_return outcome(to);
  auto done = co_await fs_.rename(who, from->directory, from->name, to->directory, to->name, flags);
  co_return outcome(done);
}

Task<int> VfsPaths::write(Caller who, std::string path, std::uint64_t offset, std::string bytes) {
  auto ino = co_await find(who, path);
  if (!ino) co_return outcome(ino);
  auto handle = co_await fs_.open_file(who, *ino, O_WRONLY);
  if (!handle) co_return outcome(handle);
  auto done = co_await fs_.write(who, *handle, offset, as_bytes(bytes), false);
  auto closed = co_await fs_.release(*handle);
  co_return done ? outcome(closed) : outcome(done);
}

}  // namespace cairn::testing
