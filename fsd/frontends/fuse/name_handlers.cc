#include <string>

#include "fsd/frontends/fuse/handlers.h"

namespace cairn::fuse {
namespace {

using vfs::Attributes;
using vfs::NewNode;

void answer_entry(Request& request, const Result<Attributes>& made) {
  if (made) {
    request.entry(*made);
  } else {
    request.error(made.error());
  }
}

/// "." and ".." are asked for by number when somebody opens a file handle (NFS, open_by_handle_at).
Task<Result<Attributes>> find(Request& request, Ino parent, std::string name) {
  vfs::Vfs& vfs = request.door().vfs;
  if (name != "." && name != "..") {
    co_return co_await vfs.lookup(request.caller(), parent, std::move(name));
  }
  auto here = co_await vfs.get_attributes(request.caller(), parent);
  if (!here || name == ".") co_return here;
  co_return co_await vfs.get_attributes(request.caller(), here->inode.parent);
}

Task<> do_lookup(Request request, Ino parent, std::string name) {
  auto found = co_await find(request, parent, std::move(name));
  if (!found && to_errno(found.error()) == ENOENT) {
    request.no_entry();
  } else {
    answer_entry(request, found);
  }
}

Task<> do_forget(Request request, Ino ino, std::uint64_t lookups) {
  request.door().forget(ino, lookups);
  request.none();
  co_return;
}

Task<> do_forget_many(Request request, std::vector<fuse_forget_data> all) {
  for (const fuse_forget_data& one : all) request.door().forget(Ino(one.ino), one.nlookup);
  request.none();
  co_return;
}

Task<> do_mknod(Request request, Ino parent, std::string name, NewNode node) {
  auto made =
      co_await request.door().vfs.make_node(request.caller(), parent, std::move(name), node);
  answer_entry(request, made);
}

Task<> do_mkdir(Request request, Ino parent, std::string name, NewNode node) {
  auto made =
      co_await request.door().vfs.make_directory(request.caller(), parent, std::move(name), node);
  answer_entry(request, made);
}

Task<> do_symlink(Request request, Ino parent, std::string name, std::string target) {
  auto made = co_await request.door().vfs.make_symlink(request.caller(), parent, std::move(name),
                                                       std::move(target));
  answer_entry(request, made);
}

Task<> do_link(Request request, Ino ino, Ino parent, std::string name) {
  auto made = co_await request.door().vfs.link(request.caller(), ino, parent, std::move(name));
  answer_entry(request, made);
}

Task<> do_unlink(Request request, Ino parent, std::string name) {
  auto result = co_await request.door().vfs.unlink(request.caller(), parent, std::move(name));
  request.done(result);
}

Task<> do_rmdir(Request request, Ino parent, std::string name) {
  auto result =
      co_await request.door().vfs.remove_directory(request.caller(), parent, std::move(name));
  request.done(result);
}

Task<> do_rename(Request request, Ino parent, std::string name, Ino new_parent,
                 std::string new_name, unsigned flags) {
  auto result = co_await request.door().vfs.rename(request.caller(), parent, std::move(name),
                                                   new_parent, std::move(new_name), flags);
  request.done(result);
}

Task<> do_readlink(Request request, Ino ino) {
  auto target = co_await request.door().vfs.read_symlink(request.caller(), ino);
  if (target) {
    request.target(target->c_str());
  } else {
    request.error(target.error());
  }
}

NewNode new_node(fuse_req_t request, mode_t mode, dev_t rdev = 0) {
  return NewNode{mode, fuse_req_ctx(request)->umask, rdev};
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  enter(request, RequestKind::kLookup, do_lookup, Ino(parent), name);
}
void on_forget(fuse_req_t request, fuse_ino_t ino, std::uint64_t lookups) {
  enter(request, RequestKind::kForget, do_forget, Ino(ino), lookups);
}
void on_forget_multi(fuse_req_t request, std::size_t count, fuse_forget_data* all) {
  enter(request, RequestKind::kForget, do_forget_many,
        std::vector<fuse_forget_data>(all, all + count));
}
void on_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t rdev) {
  enter(request, RequestKind::kMknod, do_mknod, Ino(parent), name, new_node(request, mode, rdev));
}
void on_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  enter(request, RequestKind::kMkdir, do_mkdir, Ino(parent), name, new_node(request, mode));
}
void on_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  enter(request, RequestKind::kSymlink, do_symlink, Ino(parent), name, target);
}
void on_link(fuse_req_t request, fuse_ino_t ino, fuse_ino_t parent, const char* name) {
  enter(request, RequestKind::kLink, do_link, Ino(ino), Ino(parent), name);
}
void on_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  enter(request, RequestKind::kUnlink, do_unlink, Ino(parent), name);
}
void on_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  enter(request, RequestKind::kRmdir, do_rmdir, Ino(parent), name);
}
void on_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) {
  enter(request, RequestKind::kRename, do_rename, Ino(parent), name, Ino(new_parent), new_name,
        flags);
}
void on_readlink(fuse_req_t request, fuse_ino_t ino) {
  enter(request, RequestKind::kReadlink, do_readlink, Ino(ino));
}

}  // namespace

void add_name_handlers(fuse_lowlevel_ops& ops) {
  ops.lookup = on_lookup;
  ops.forget = on_forget;
  ops.forget_multi = on_forget_multi;
  ops.mknod = on_mknod;
  ops.mkdir = on_mkdir;
  ops.symlink = on_symlink;
  ops.link = on_link;
  ops.unlink = on_unlink;
  ops.rmdir = on_rmdir;
  ops.rename = on_rename;
  ops.readlink = on_readlink;
}

}  // namespace cairn::fuse
