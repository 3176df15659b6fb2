#include "fsd/frontends/fuse/request.h"

#include <pthread.h>
#include <sys/sysmacros.h>

#include <utility>

#include "fsd/base/check.h"
#include "fsd/frontends/fuse/convert.h"

#if CAIRN_FUSE_AT_LEAST(3, 18)
#include <linux/stat.h>
#endif

namespace cairn::fuse {
namespace {

fuse_file_info open_info(vfs::HandleId handle, int open_flags) {
  fuse_file_info info{};
  info.fh = handle.value();
  // Whoever else changes the file has the kernel drop what it holds, so it may hold it.
  info.keep_cache = 1;
  // The kernel appends at the size that it knows; the core appends at the end. No page may be kept
  // at a place that only the kernel believes in.
  info.direct_io = (open_flags & O_APPEND) != 0 ? 1 : 0;
  return info;
}

}  // namespace

#if CAIRN_FUSE_IO_URING
namespace {

/// libfuse ends its ring threads with pthread_cancel (after waking them in another way, which
/// suffices). One that happens to be inside the core must not be torn out of it.
void keep_this_thread() {
  thread_local const int kept = pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  (void)kept;
}

}  // namespace
#endif

ReplyBuffer::ReplyBuffer(fuse_req_t request, std::size_t size) {
#if CAIRN_FUSE_IO_URING
  char* payload = nullptr;
  std::size_t payload_size = 0;
  if (fuse_req_is_uring(request) &&
      fuse_req_get_payload(request, &payload, &payload_size, nullptr) == 0 &&
      payload_size >= size) {
    bytes_ = MutableByteView(reinterpret_cast<std::uint8_t*>(payload), size);
    return;
  }
#else
  (void)request;
#endif
  own_ = std::make_unique_for_overwrite<std::uint8_t[]>(size);
  bytes_ = MutableByteView(own_.get(), size);
}

Request::Request(Door& door, fuse_req_t request, RequestKind kind)
    : door_(&door), request_(request) {
  door.counts.add(kind);
  door.in_flight.fetch_add(1);  // before `closing` is looked at
#if CAIRN_FUSE_IO_URING
  if (fuse_req_is_uring(request)) keep_this_thread();
#endif
}

Request::Request(Request&& other) noexcept
    : door_(other.door_), request_(std::exchange(other.request_, nullptr)) {}

Request::~Request() {
  if (request_ != nullptr) error(EIO);
}

fuse_req_t Request::take() {
  CHECK(request_ != nullptr);
  return std::exchange(request_, nullptr);
}

namespace {

/// Counts a request as answered when the answer has been given.
class Answering {
 public:
  explicit Answering(Door& door) : door_(door) {}
  ~Answering() { door_.in_flight.fetch_sub(1); }
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;

 private:
  Door& door_;
};

}  // namespace

vfs::Caller Request::caller() const {
  const fuse_ctx* context = fuse_req_ctx(request_);
  vfs::Caller caller;
  caller.uid = context->uid;
  caller.gid = context->gid;
  caller.pid = static_cast<std::uint32_t>(context->pid);
  caller.checked_by_kernel = true;
  caller.client = door_->client;
  return caller;
}

fuse_entry_param Request::entry_param(const vfs::Attributes& attributes) const {
  fuse_entry_param param{};
  param.ino = attributes.ino.value();
  param.attr = to_stat(attributes);
  param.attr_timeout = door_->cache_seconds;
  param.entry_timeout = door_->cache_seconds;
  return param;
}

void Request::error(int number) {
  Answering answering(*door_);
  fuse_reply_err(take(), number);
}

void Request::done(const Result<void>& result) { error(result ? 0 : to_errno(result.error())); }

void Request::none() {
  Answering answering(*door_);
  fuse_reply_none(take());
}

void Request::entry(const vfs::Attributes& found) {
  Answering answering(*door_);
  const fuse_entry_param param = entry_param(found);
  door_->remember(found.ino);
  if (fuse_reply_entry(take(), &param) != 0) door_->forget(found.ino, 1);
}

void Request::no_entry() {
  Answering answering(*door_);
  fuse_entry_param param{};
  param.entry_timeout = door_->cache_seconds;
  fuse_reply_entry(take(), &param);
}

void Request::attributes(const vfs::Attributes& attributes) {
  Answering answering(*door_);
  const struct stat st = to_stat(attributes);
  fuse_reply_attr(take(), &st, door_->cache_seconds);
}

bool Request::opened(vfs::HandleId handle, int open_flags) {
  Answering answering(*door_);
  const fuse_file_info info = open_info(handle, open_flags);
  return fuse_reply_open(take(), &info) == 0;
}

bool Request::opened_directory(vfs::HandleId handle) {
  Answering answering(*door_);
  fuse_file_info info{};
  info.fh = handle.value();
  info.keep_cache = 1;
  info.cache_readdir = 1;
  return fuse_reply_open(take(), &info) == 0;
}

bool Request::created(const vfs::Attributes& attributes, vfs::HandleId handle, int open_flags) {
  Answering answering(*door_);
  const fuse_entry_param param = entry_param(attributes);
  const fuse_file_info info = open_info(handle, open_flags);
  door_->remember(attributes.ino);
  if (fuse_reply_create(take(), &param, &info) == 0) return true;
  door_->forget(attributes.ino, 1);
  return false;
}

void Request::bytes(std::string_view bytes) {
  Answering answering(*door_);
  fuse_reply_buf(take(), bytes.data(), bytes.size());
}

void Request::written(std::size_t count) {
  Answering answering(*door_);
  fuse_reply_write(take(), count);
}

void Request::target(const char* target) {
  Answering answering(*door_);
  fuse_reply_readlink(take(), target);
}

void Request::value_size(std::size_t size) {
  Answering answering(*door_);
  fuse_reply_xattr(take(), size);
}

void Request::stats(const vfs::FilesystemStats& stats) {
  Answering answering(*door_);
  const struct statvfs st = to_statvfs(stats);
  fuse_reply_statfs(take(), &st);
}

void Request::lock(const vfs::RangeLock& lock) {
  Answering answering(*door_);
  const struct flock out = to_flock(lock);
  fuse_reply_lock(take(), &out);
}

void Request::offset(std::uint64_t offset) {
  Answering answering(*door_);
  fuse_reply_lseek(take(), static_cast<off_t>(offset));
}

#if CAIRN_FUSE_AT_LEAST(3, 18)
namespace {

statx_timestamp to_statx_time(vfs::TimeNs time) {
  const timespec spec = to_timespec(time);
  statx_timestamp stamp{};
  stamp.tv_sec = spec.tv_sec;
  stamp.tv_nsec = static_cast<std::uint32_t>(spec.tv_nsec);
  return stamp;
}

}  // namespace

void Request::extended_attributes(const vfs::Attributes& attributes) {
  Answering answering(*door_);
  const struct stat st = to_stat(attributes);
  struct statx stx{};
  stx.stx_mask = STATX_BASIC_STATS | STATX_BTIME;
  stx.stx_blksize = kPreferredIoBytes;
  stx.stx_nlink = static_cast<std::uint32_t>(st.st_nlink);
  stx.stx_uid = st.st_uid;
  stx.stx_gid = st.st_gid;
  stx.stx_mode = static_cast<std::uint16_t>(st.st_mode);
  stx.stx_ino = st.st_ino;
  stx.stx_size = static_cast<std::uint64_t>(st.st_size);
  stx.stx_blocks = static_cast<std::uint64_t>(st.st_blocks);
  stx.stx_atime = to_statx_time(attributes.inode.atime);
  stx.stx_btime = to_statx_time(attributes.inode.btime);
  stx.stx_ctime = to_statx_time(attributes.inode.ctime);
  stx.stx_mtime = to_statx_time(attributes.inode.mtime);
  stx.stx_rdev_major = major(st.st_rdev);
  stx.stx_rdev_minor = minor(st.st_rdev);
  fuse_reply_statx(take(), 0, &stx, door_->cache_seconds);
}
#else
void Request::extended_attributes(const vfs::Attributes&) { error(ENOSYS); }
#endif

}  // namespace cairn::fuse
