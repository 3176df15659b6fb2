#include <cstring>
#include <string>

#include "fsd/frontends/fuse/handlers.h"
#include "fsd/frontends/fuse/reader_thread.h"

namespace cairn::fuse {
namespace {

using vfs::HandleId;
using vfs::NewNode;

/// The bytes of a write, for as long as it takes: a ring's payload stays until the answer; a reader
/// thread's buffer is leased if they are many, and copied from if they are few (so that a thousand
/// waiting small writes do not hold a thousand large buffers).
class WriteBytes final : public Droppable {
 public:
  WriteBytes(fuse_req_t request, const char* bytes, std::size_t size) {
#if CAIRN_FUSE_IO_URING
    if (fuse_req_is_uring(request)) {
      outside_ = as_bytes(std::string_view(bytes, size));
      return;
    }
#else
    (void)request;
#endif
    if (ReadBuffer* buffer = ReaderThread::current_buffer();
        buffer != nullptr && size >= kLeaseBytesMin) {
      lease_ = BufferLease(buffer);
      outside_ = as_bytes(std::string_view(bytes, size));
    } else {
      own_.assign(bytes, size);
    }
  }
  void drop() override {
    outside_ = {};
    lease_ = BufferLease();
    own_ = std::string();
  }
  [[nodiscard]] ByteView view() const { return outside_.empty() ? as_bytes(own_) : outside_; }

 private:
  static constexpr std::size_t kLeaseBytesMin = 64U << 10;
  ByteView outside_;
  BufferLease lease_;
  std::string own_;
};

Task<> do_open(Request request, Ino ino, int flags, bool kill_suidgid) {
  vfs::Vfs& vfs = request.door().vfs;
  const vfs::Caller caller = request.caller();
  auto handle = co_await vfs.open_file(caller, ino, flags);
  if (!handle) {
    request.error(handle.error());
    co_return;
  }
  if (kill_suidgid && (flags & O_TRUNC) != 0) {
    request.stay();  // the kernel has to know that the file is empty now
    auto killed = co_await vfs.set_attributes(caller, ino, *handle, {.kill_suidgid = true});
    if (!killed) {
      request.error(killed.error());
      (void)co_await vfs.release(*handle);
      co_return;
    }
  }
  if (!request.opened(*handle, flags)) (void)co_await vfs.release(*handle);
}

Task<> answer_created(Request request, Result<std::pair<HandleId, vfs::Attributes>> made,
                      int flags) {
  if (!made) {
    request.error(made.error());
    co_return;
  }
  vfs::Vfs& vfs = request.door().vfs;
  if (!request.created(made->second, made->first, flags)) (void)co_await vfs.release(made->first);
}

Task<> do_create(Request request, Ino parent, std::string name, NewNode node, int flags) {
  auto made =
      co_await request.door().vfs.create(request.caller(), parent, std::move(name), node, flags);
  co_await answer_created(std::move(request), std::move(made), flags);
}

Task<> do_tmpfile(Request request, Ino parent, NewNode node, int flags) {
  auto made = co_await request.door().vfs.make_tmpfile(request.caller(), parent, node, flags);
  co_await answer_created(std::move(request), std::move(made), flags);
}

Task<> do_read(Request request, HandleId handle, std::uint64_t offset, std::size_t size) {
  ReplyBuffer buffer = request.reply_buffer(size);
  request.works_on(buffer);
  auto count =
      co_await request.door().vfs.read(handle, offset, buffer.bytes(), request.cancel_flag());
  if (count) {
    request.bytes(std::string_view(buffer.chars(), *count));
  } else {
    request.error(count.error());
  }
}

Task<> do_write(Request request, HandleId handle, std::uint64_t offset, WriteBytes bytes,
                bool kill_suidgid, bool write_back) {
  if (write_back) {
    request.stay();  // the page is everybody's, whoever happens to ask
  } else {
    request.works_on(bytes);
  }
  auto count = co_await request.door().vfs.write(request.caller(), handle, offset, bytes.view(),
                                                 kill_suidgid);
  if (count) {
    request.written(*count);
  } else {
    request.error(count.error());
  }
}

Task<> do_flush(Request request, HandleId handle, std::uint64_t owner) {
  Door& door = request.door();
  auto result = co_await door.vfs.flush(handle, vfs::LockOwner{door.client, owner});
  request.done(result);
}

Task<> do_release(Request request, HandleId handle) {
  auto result = co_await request.door().vfs.release(handle);
  request.done(result);
}

Task<> do_fsync(Request request, Ino ino, bool data_only) {
  auto result = co_await request.door().vfs.fsync(ino, data_only);
  request.done(result);
}

Task<> do_fallocate(Request request, HandleId handle, int mode, std::uint64_t offset,
                    std::uint64_t length) {
  auto result =
      co_await request.door().vfs.allocate(request.caller(), handle, mode, offset, length);
  request.done(result);
}

Task<> do_lseek(Request request, HandleId handle, std::uint64_t offset, int whence) {
  auto found = co_await request.door().vfs.seek(handle, offset, whence);
  if (found) {
    request.offset(*found);
  } else {
    request.error(found.error());
  }
}

Task<> do_copy(Request request, HandleId from, std::uint64_t from_offset, HandleId to,
               std::uint64_t to_offset, std::uint64_t length) {
  auto copied = co_await request.door().vfs.copy_range(request.caller(), from, from_offset, to,
                                                       to_offset, length);
  if (copied) {
    request.written(*copied);
  } else {
    request.error(copied.error());
  }
}

bool kills_suidgid([[maybe_unused]] const fuse_file_info* info) {
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
  return info->kill_suidgid != 0;
#else
  return false;
#endif
}

std::uint64_t unsigned_offset(off_t offset) { return static_cast<std::uint64_t>(offset); }

void on_open(fuse_req_t request, fuse_ino_t ino, fuse_file_info* info) {
  enter(request, RequestKind::kOpen, do_open, Ino(ino), info->flags, kills_suidgid(info));
}
void on_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* info) {
  enter(request, RequestKind::kCreate, do_create, Ino(parent), name,
        NewNode{mode, fuse_req_ctx(request)->umask, 0}, info->flags);
}
void on_read(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
  enter(request, RequestKind::kRead, do_read, HandleId(info->fh), unsigned_offset(offset),
        std::min(size, vfs::kIoBytesMax));
}
void on_write(fuse_req_t request, fuse_ino_t, const char* bytes, std::size_t size, off_t offset,
              fuse_file_info* info) {
  enter(request, RequestKind::kWrite, do_write, HandleId(info->fh), unsigned_offset(offset),
        WriteBytes(request, bytes, size), kills_suidgid(info), info->writepage != 0);
}
void on_flush(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  enter(request, RequestKind::kFlush, do_flush, HandleId(info->fh), info->lock_owner);
}
void on_release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  enter(request, RequestKind::kRelease, do_release, HandleId(info->fh));
}
void on_fsync(fuse_req_t request, fuse_ino_t ino, int data_only, fuse_file_info*) {
  enter(request, RequestKind::kFsync, do_fsync, Ino(ino), data_only != 0);
}
void on_fallocate(fuse_req_t request, fuse_ino_t, int mode, off_t offset, off_t length,
                  fuse_file_info* info) {
  enter(request, RequestKind::kFallocate, do_fallocate, HandleId(info->fh), mode,
        unsigned_offset(offset), unsigned_offset(length));
}
void on_lseek(fuse_req_t request, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
  enter(request, RequestKind::kLseek, do_lseek, HandleId(info->fh), unsigned_offset(offset),
        whence);
}
void on_copy_file_range(fuse_req_t request, fuse_ino_t, off_t from_offset, fuse_file_info* from,
                        fuse_ino_t, off_t to_offset, fuse_file_info* to, std::size_t length, int) {
  enter(request, RequestKind::kCopyFileRange, do_copy, HandleId(from->fh),
        unsigned_offset(from_offset), HandleId(to->fh), unsigned_offset(to_offset), length);
}
#if CAIRN_FUSE_AT_LEAST(3, 17)
void on_tmpfile(fuse_req_t request, fuse_ino_t parent, mode_t mode, fuse_file_info* info) {
  enter(request, RequestKind::kTmpfile, do_tmpfile, Ino(parent),
        NewNode{mode, fuse_req_ctx(request)->umask, 0}, info->flags);
}
#endif

}  // namespace

void add_file_handlers(fuse_lowlevel_ops& ops) {
  ops.open = on_open;
  ops.create = on_create;
  ops.read = on_read;
  ops.write = on_write;
  ops.flush = on_flush;
  ops.release = on_release;
  ops.fsync = on_fsync;
  ops.fallocate = on_fallocate;
  ops.lseek = on_lseek;
  ops.copy_file_range = on_copy_file_range;
#if CAIRN_FUSE_AT_LEAST(3, 17)
  ops.tmpfile = on_tmpfile;
#else
  (void)do_tmpfile;
#endif
}

}  // namespace cairn::fuse
