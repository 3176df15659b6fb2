#include "fsd/frontends/fuse/request.h"

#include <pthread.h>
#include <sys/sysmacros.h>

#include <utility>

#include "fsd/base/check.h"
#include "fsd/frontends/fuse/convert.h"
#include "fsd/frontends/fuse/reader_thread.h"
#include "fsd/vfs/stat_numbers.h"

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

std::uint64_t unique_of([[maybe_unused]] fuse_req_t request) {
#if CAIRN_FUSE_IO_URING
  return cairn_fuse_request_unique(request);
#else
  return ReaderThread::current_unique();
#endif
}

Request::Request(Door& door, fuse_req_t request, RequestKind kind)
    : door_(&door),
      request_(request),
      unique_(unique_of(request)),
      context_(*fuse_req_ctx(request)) {
  door.counts.add(kind);
  door.in_flight.fetch_add(1);  // before `closing` is looked at
#if CAIRN_FUSE_IO_URING
  if (fuse_req_is_uring(request)) keep_this_thread();
#endif
}

Request::Request(Request&& other) noexcept
    : Link(static_cast<Link&&>(other)),
      door_(other.door_),
      request_(std::exchange(other.request_, nullptr)),
      unique_(other.unique_),
      context_(other.context_),
      cancelled_(other.cancelled_),
      answered_(std::exchange(other.answered_, true)),
      old_(other.old_) {
  CHECK(other.memory_ == nullptr);
}

Request::~Request() {
  if (!answered_) error(EIO);
}

void Request::abandon() {
  if (request_ == nullptr) return;
  cancelled_.set();
  if (memory_ != nullptr) memory_->drop();
  fuse_reply_err(std::exchange(request_, nullptr), EINTR);
}

/// The one answer. Counts the request as answered when it has been given: then the Door may go.
class Request::Answer {
 public:
  explicit Answer(Request& request)
      : door_(*request.door_), raw_(std::exchange(request.request_, nullptr)) {
    CHECK(!request.answered_);
    request.answered_ = true;
  }
  ~Answer() { door_.in_flight.fetch_sub(1); }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  /// False: it was abandoned, nobody wants it.
  [[nodiscard]] bool wanted() const { return raw_ != nullptr; }
  [[nodiscard]] fuse_req_t raw() const { return raw_; }

 private:
  Door& door_;
  const fuse_req_t raw_;
};

vfs::Caller Request::caller() const {
  vfs::Caller caller;
  caller.uid = context_.uid;
  caller.gid = context_.gid;
  caller.pid = static_cast<std::uint32_t>(context_.pid);
  caller.checked_by_kernel = true;
  caller.client = door_->client;
  caller.cancel = &cancelled_;
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
  const Answer answer(*this);
  if (answer.wanted()) fuse_reply_err(answer.raw(), number);
}

void Request::done(const Result<void>& result) { error(result ? 0 : to_errno(result.error())); }

void Request::none() {
  const Answer answer(*this);
  if (answer.wanted()) fuse_reply_none(answer.raw());
}

void Request::entry(const vfs::Attributes& found) {
  const Answer answer(*this);
  if (!answer.wanted()) return;
  const fuse_entry_param param = entry_param(found);
  door_->remember(found.ino);
  if (fuse_reply_entry(answer.raw(), &param) != 0) door_->forget(found.ino, 1);
}

void Request::no_entry() {
  const Answer answer(*this);
  fuse_entry_param param{};
  param.entry_timeout = door_->cache_seconds;
  if (answer.wanted()) fuse_reply_entry(answer.raw(), &param);
}

void Request::attributes(const vfs::Attributes& attributes) {
  const Answer answer(*this);
  const struct stat st = to_stat(attributes);
  if (answer.wanted()) fuse_reply_attr(answer.raw(), &st, door_->cache_seconds);
}

bool Request::opened(vfs::HandleId handle, int open_flags) {
  const Answer answer(*this);
  const fuse_file_info info = open_info(handle, open_flags);
  return answer.wanted() && fuse_reply_open(answer.raw(), &info) == 0;
}

bool Request::opened_directory(vfs::HandleId handle) {
  const Answer answer(*this);
  fuse_file_info info{};
  info.fh = handle.value();
  info.keep_cache = 1;
  info.cache_readdir = 1;
  return answer.wanted() && fuse_reply_open(answer.raw(), &info) == 0;
}

bool Request::created(const vfs::Attributes& attributes, vfs::HandleId handle, int open_flags) {
  const Answer answer(*this);
  if (!answer.wanted()) return false;
  const fuse_entry_param param = entry_param(attributes);
  const fuse_file_info info = open_info(handle, open_flags);
  door_->remember(attributes.ino);
  if (fuse_reply_create(answer.raw(), &param, &info) == 0) return true;
  door_->forget(attributes.ino, 1);
  return false;
}

void Request::bytes(std::string_view bytes) {
  const Answer answer(*this);
  if (answer.wanted()) fuse_reply_buf(answer.raw(), bytes.data(), bytes.size());
}

void Request::written(std::size_t count) {
  const Answer answer(*this);
  if (answer.wanted()) fuse_reply_write(answer.raw(), count);
}

void Request::target(const char* target) {
  const Answer answer(*this);
  if (answer.wanted()) fuse_reply_readlink(answer.raw(), target);
}

void Request::value_size(std::size_t size) {
  const Answer answer(*this);
  if (answer.wanted()) fuse_reply_xattr(answer.raw(), size);
}

void Request::stats(const vfs::FilesystemStats& stats) {
  const Answer answer(*this);
  const struct statvfs st = vfs::to_statvfs(stats);
  if (answer.wanted()) fuse_reply_statfs(answer.raw(), &st);
}

void Request::lock(const vfs::RangeLock& lock) {
  const Answer answer(*this);
  const struct flock out = to_flock(lock);
  if (answer.wanted()) fuse_reply_lock(answer.raw(), &out);
}

void Request::offset(std::uint64_t offset) {
  const Answer answer(*this);
  if (answer.wanted()) fuse_reply_lseek(answer.raw(), static_cast<off_t>(offset));
}

#if CAIRN_FUSE_AT_LEAST(3, 18)
namespace {

statx_timestamp to_statx_time(vfs::TimeNs time) {
  const timespec spec = vfs::to_timespec(time);
  statx_timestamp stamp{};
  stamp.tv_sec = spec.tv_sec;
  stamp.tv_nsec = static_cast<std::uint32_t>(spec.tv_nsec);
  return stamp;
}

}  // namespace

void Request::extended_attributes(const vfs::Attributes& attributes) {
  const Answer answer(*this);
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
  if (answer.wanted()) fuse_reply_statx(answer.raw(), 0, &stx, door_->cache_seconds);
}
#else
void Request::extended_attributes(const vfs::Attributes&) { error(ENOSYS); }
#endif

}  // namespace cairn::fuse
