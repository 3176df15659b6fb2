// The baseline of the benchmarks: a filesystem that does as little as one can. Everything is kept
// in plain maps behind one lock; fsync does nothing. What it reaches is what FUSE on this machine
// allows; the daemon is compared with it.
//
//   empty_fs DIR io_uring        rings (needs enable_uring, see the frontend)
//   empty_fs DIR readers 8       eight threads in read(2)

#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

constexpr double kCacheSeconds = 86400;

struct Node {
  struct stat st{};
  std::string data;
  std::map<std::string, fuse_ino_t> names;
};

struct Tree {
  std::mutex mutex;
  std::unordered_map<fuse_ino_t, Node> nodes;
  fuse_ino_t next = FUSE_ROOT_ID;
};

Tree g_tree;

Node& add_node(mode_t mode, uid_t uid, gid_t gid, fuse_ino_t& ino) {
  ino = g_tree.next++;
  Node& node = g_tree.nodes[ino];
  node.st.st_ino = ino;
  node.st.st_mode = mode;
  node.st.st_nlink = S_ISDIR(mode) ? 2 : 1;
  node.st.st_uid = uid;
  node.st.st_gid = gid;
  clock_gettime(CLOCK_REALTIME, &node.st.st_mtim);
  node.st.st_ctim = node.st.st_atim = node.st.st_mtim;
  return node;
}

fuse_entry_param entry_of(const Node& node) {
  fuse_entry_param entry{};
  entry.ino = node.st.st_ino;
  entry.attr = node.st;
  entry.attr_timeout = kCacheSeconds;
  entry.entry_timeout = kCacheSeconds;
  return entry;
}

fuse_ino_t find(fuse_ino_t parent, const char* name) {
  const auto& names = g_tree.nodes[parent].names;
  const auto found = names.find(name);
  return found == names.end() ? 0 : found->second;
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  fuse_entry_param entry{};
  entry.entry_timeout = kCacheSeconds;
  {
    std::lock_guard lock(g_tree.mutex);
    if (const fuse_ino_t ino = find(parent, name); ino != 0) entry = entry_of(g_tree.nodes[ino]);
  }
  fuse_reply_entry(request, &entry);
}

void on_getattr(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
  struct stat st{};
  {
    std::lock_guard lock(g_tree.mutex);
    st = g_tree.nodes[ino].st;
  }
  fuse_reply_attr(request, &st, kCacheSeconds);
}

void on_setattr(fuse_req_t request, fuse_ino_t ino, struct stat* values, int to_set,
                fuse_file_info*) {
  struct stat st{};
  {
    std::lock_guard lock(g_tree.mutex);
    Node& node = g_tree.nodes[ino];
    if ((to_set & FUSE_SET_ATTR_MODE) != 0) node.st.st_mode = values->st_mode;
    if ((to_set & FUSE_SET_ATTR_SIZE) != 0) {
      node.data.resize(static_cast<std::size_t>(values->st_size));
      node.st.st_size = values->st_size;
    }
    st = node.st;
  }
  fuse_reply_attr(request, &st, kCacheSeconds);
}

fuse_entry_param make(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  const fuse_ctx* context = fuse_req_ctx(request);
  std::lock_guard lock(g_tree.mutex);
  fuse_ino_t ino = 0;
  const Node& node = add_node(mode, context->uid, context->gid, ino);
  g_tree.nodes[parent].names[name] = ino;
  return entry_of(node);
}

void on_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
  const fuse_entry_param entry = make(request, parent, name, mode);
  fuse_reply_entry(request, &entry);
}

void on_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  const fuse_entry_param entry = make(request, parent, name, mode | S_IFDIR);
  fuse_reply_entry(request, &entry);
}

void on_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* info) {
  const fuse_entry_param entry = make(request, parent, name, mode | S_IFREG);
  info->keep_cache = 1;
  fuse_reply_create(request, &entry, info);
}

void on_open(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  info->keep_cache = 1;
  fuse_reply_open(request, info);
}

void on_read(fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info*) {
  std::unique_lock lock(g_tree.mutex);
  const std::string& data = g_tree.nodes[ino].data;
  const auto from = std::min(static_cast<std::size_t>(offset), data.size());
  const std::string part = data.substr(from, size);
  lock.unlock();
  fuse_reply_buf(request, part.data(), part.size());
}

void on_write(fuse_req_t request, fuse_ino_t ino, const char* bytes, std::size_t size, off_t offset,
              fuse_file_info*) {
  {
    std::lock_guard lock(g_tree.mutex);
    Node& node = g_tree.nodes[ino];
    const std::size_t end = static_cast<std::size_t>(offset) + size;
    if (node.data.size() < end) node.data.resize(end);
    std::memcpy(node.data.data() + offset, bytes, size);
    node.st.st_size = static_cast<off_t>(node.data.size());
    node.st.st_blocks = (node.st.st_size + 511) / 512;
  }
  fuse_reply_write(request, size);
}

void on_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  {
    std::lock_guard lock(g_tree.mutex);
    g_tree.nodes.erase(find(parent, name));
    g_tree.nodes[parent].names.erase(name);
  }
  fuse_reply_err(request, 0);
}

void on_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned) {
  {
    std::lock_guard lock(g_tree.mutex);
    const fuse_ino_t ino = find(parent, name);
    g_tree.nodes[parent].names.erase(name);
    if (const fuse_ino_t old = find(new_parent, new_name); old != 0) g_tree.nodes.erase(old);
    g_tree.nodes[new_parent].names[new_name] = ino;
  }
  fuse_reply_err(request, 0);
}

void on_readdir(fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset,
                fuse_file_info*) {
  std::vector<char> buffer(size);
  std::size_t used = 0;
  {
    std::lock_guard lock(g_tree.mutex);
    off_t place = 0;
    for (const auto& [name, child] : g_tree.nodes[ino].names) {
      if (++place <= offset) continue;
      struct stat st = g_tree.nodes[child].st;
      const std::size_t needed =
          fuse_add_direntry(request, buffer.data() + used, size - used, name.c_str(), &st, place);
      if (needed > size - used) break;
      used += needed;
    }
  }
  fuse_reply_buf(request, buffer.data(), used);
}

void on_opendir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  info->cache_readdir = 1;
  info->keep_cache = 1;
  fuse_reply_open(request, info);
}

void reply_ok(fuse_req_t request, fuse_ino_t, fuse_file_info*) { fuse_reply_err(request, 0); }
void on_fsync(fuse_req_t request, fuse_ino_t, int, fuse_file_info*) { fuse_reply_err(request, 0); }
void on_forget(fuse_req_t request, fuse_ino_t, std::uint64_t) { fuse_reply_none(request); }

fuse_lowlevel_ops operations() {
  fuse_lowlevel_ops ops{};
  ops.lookup = on_lookup;
  ops.getattr = on_getattr;
  ops.setattr = on_setattr;
  ops.mknod = on_mknod;
  ops.mkdir = on_mkdir;
  ops.create = on_create;
  ops.open = on_open;
  ops.read = on_read;
  ops.write = on_write;
  ops.flush = reply_ok;
  ops.release = reply_ok;
  ops.fsync = on_fsync;
  ops.unlink = on_unlink;
  ops.rmdir = on_unlink;
  ops.rename = on_rename;
  ops.opendir = on_opendir;
  ops.readdir = on_readdir;
  ops.releasedir = reply_ok;
  ops.fsyncdir = on_fsync;
  ops.forget = on_forget;
  return ops;
}

void read_requests(fuse_session* session) {
  fuse_buf buffer{};
  while (fuse_session_exited(session) == 0) {
    const int got = fuse_session_receive_buf(session, &buffer);
    if (got == -EINTR) continue;
    if (got <= 0) break;
    fuse_session_process_buf(session, &buffer);
  }
  std::free(buffer.mem);
}

int usage() {
  std::fprintf(stderr, "usage: empty_fs DIR io_uring | empty_fs DIR readers COUNT\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return usage();
  const bool io_uring = std::strcmp(argv[2], "io_uring") == 0;
  const int readers = argc > 3 ? std::atoi(argv[3]) : 1;
  fuse_ino_t root = 0;
  add_node(S_IFDIR | 0755, 0, 0, root);

  std::string options = "fsname=empty_fs,subtype=empty_fs,default_permissions";
  if (io_uring) options += ",io_uring,io_uring_q_depth=128";
  fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
  for (const char* word : {"empty_fs", "-o", options.c_str()}) fuse_opt_add_arg(&arguments, word);
  const fuse_lowlevel_ops ops = operations();
  fuse_session* session = fuse_session_new(&arguments, &ops, sizeof ops, nullptr);
  if (session == nullptr || fuse_session_mount(session, argv[1]) != 0) return 1;
  fuse_set_signal_handlers(session);  // SIGTERM ends the loop

  if (io_uring) {
    fuse_session_loop(session);  // libfuse starts the rings when the kernel has answered
  } else {
    std::vector<std::thread> threads;
    for (int i = 1; i < readers; ++i) threads.emplace_back(read_requests, session);
    read_requests(session);
    fuse_session_unmount(session);
    for (std::thread& thread : threads) thread.detach();
    _exit(0);
  }
  fuse_session_unmount(session);
  fuse_session_destroy(session);
  fuse_opt_free_args(&arguments);
  return 0;
}
