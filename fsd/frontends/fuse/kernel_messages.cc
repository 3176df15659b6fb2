#include "fsd/frontends/fuse/kernel_messages.h"

#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>

#include "fsd/frontends/fuse/reader_thread.h"
#include "fsd/frontends/fuse/stale_mount.h"

namespace cairn::fuse {

void on_interrupt(Door& door, std::uint64_t unique) {
  door.counts.add(RequestKind::kInterrupt);
  const bool lock = door.lock_waits.interrupt(unique);
  door.core.dispatch([&door, unique, lock] {
    if (lock) {
      door.vfs.cancel_lock_wait(unique);
    } else {
      door.waiting.on_interrupt(unique);
    }
  });
}

#if CAIRN_FUSE_IO_URING
namespace {

/// libfuse's loop reads through this: what is an interrupt, libfuse does not get to see.
ssize_t read_message(int fd, void* buffer, std::size_t size, void* userdata) {
  for (;;) {
    const ssize_t got = ::read(fd, buffer, size);
    if (got <= 0) {
      const int error = errno;
      const bool goes_on = got < 0 && (error == EINTR || error == EAGAIN || error == ENOENT);
      if (!goes_on) static_cast<Door*>(userdata)->on_connection_end();
      errno = error;
      return got;
    }
    const auto interrupt =
        parse_interrupt({static_cast<const char*>(buffer), static_cast<std::size_t>(got)});
    if (!interrupt.is) return got;
    on_interrupt(*static_cast<Door*>(userdata), interrupt.unique);
  }
}

/// Did libfuse start the rings? Its answer to INIT, the first that it writes, says so.
bool agrees_to_io_uring(std::span<const iovec> parts) {
  constexpr std::uint64_t kOverIoUring = 1ULL << 41U;  // FUSE_OVER_IO_URING, newer than our headers
  fuse_init_out body{};
  if (parts.size() < 2 || parts[1].iov_len < offsetof(fuse_init_out, flags2) + sizeof body.flags2) {
    return false;
  }
  std::memcpy(&body, parts[1].iov_base, std::min(parts[1].iov_len, sizeof body));
  return ((static_cast<std::uint64_t>(body.flags2) << 32U) & kOverIoUring) != 0;
}

ssize_t write_message(int fd, iovec* parts, int count, void* userdata) {
  Door& door = *static_cast<Door*>(userdata);
  if (!door.began.load(std::memory_order_relaxed)) {
    const bool over_io_uring = agrees_to_io_uring({parts, static_cast<std::size_t>(count)});
    const ssize_t written = ::writev(fd, parts, count);
    door.begin(over_io_uring);
    return written;
  }
  return ::writev(fd, parts, count);
}

}  // namespace

Result<void> see_messages(fuse_session* session) {
  fuse_custom_io io{};
  io.read = read_message;
  io.writev = write_message;
  const int fd = fuse_session_fd(session);
  if (fuse_session_custom_io(session, &io, sizeof io, fd) != 0) {
    return mount_failure(ENOTSUP,
                         "this libfuse was built without custom io: run scripts/libfuse.sh");
  }
  return {};
}
#endif

}  // namespace cairn::fuse
