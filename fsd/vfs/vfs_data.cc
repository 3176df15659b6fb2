#include "fsd/vfs/vfs_parts.h"

#include <linux/falloc.h>
#include <unistd.h>

// Reading, writing, allocating, seeking and copying of open files.

namespace cairn::vfs {

Result<InodeRef> Vfs::Parts::get_file(const OpenFile& file) {
  if (file.directory) return errno_error(EISDIR);
  TRY(InodeRef inode, inodes.get(file.ino));
  if (!S_ISREG(inode->record.mode)) return errno_error(EINVAL);
  return inode;
}

/// How many bytes of the range have extents already.
Result<std::uint64_t> Vfs::Parts::allocated_bytes(Ino ino, std::uint64_t offset,
                                                  std::uint64_t length) {
  const std::uint64_t end = offset + length;
  std::uint64_t total = 0;
  Result<void> outcome;
  auto add = [&](std::string_view key, std::string_view value) {
    auto extent = format::decode_extent(value);
    if (!extent) {
      outcome = extent.error();
      return false;
    }
    const std::uint64_t begin = format::key_u64(key, 1);
    const std::uint64_t extent_end = begin + extent->length;
    const std::uint64_t from = std::max(begin, offset);
    const std::uint64_t to = std::min(extent_end, end);
    if (from < to) total += to - from;
    return true;
  };
  TRY(const auto before,
      volume.find_floor(format::extent_key(ino, 0), format::extent_key(ino, offset)));
  const std::string first = before ? before->first : format::extent_key(ino, offset);
  TRY_OK(volume.scan(first, format::extent_key(ino, end), add));
  TRY_OK(std::move(outcome));
  return total;
}

Result<void> Vfs::Parts::check_room(Ino ino, std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t used = std::min(counters.bytes(), options.bytes_max);
  const std::uint64_t room = options.bytes_max - used;
  if (length <= room) return {};
  // Nearly full: overwriting what has its place already must go on working.
  TRY(const std::uint64_t allocated, allocated_bytes(ino, offset, length));
  return length - allocated <= room ? Result<void>() : errno_error(ENOSPC);
}

void Vfs::Parts::finish_data_change(const Caller& caller, Inode& inode, InodeRecord& next,
                                    std::uint64_t offset, std::uint64_t length) {
  counters.change_bytes(inode.record.blocks, next.blocks);
  next.mtime = next.ctime = now();
  inode.record = next;
  store(caller, inode);
  notify_data(caller, inode.ino, offset, length);
}

Result<std::size_t> Vfs::Parts::write(const Caller& caller, HandleId handle, std::uint64_t offset,
                                      ByteView bytes, bool kill_suidgid) {
  TRY(const OpenFile file, handles.get(handle));
  if (!file.writable()) return errno_error(EBADF);
  TRY(const InodeRef inode, get_file(file));
  if ((file.flags & O_APPEND) != 0) offset = inode->record.size;
  if (bytes.empty()) return std::size_t{0};
  if (offset > kFileBytesMax || bytes.size() > kFileBytesMax - offset) return errno_error(EFBIG);
  TRY_OK(check_room(file.ino, offset, bytes.size()));
  InodeRecord next = inode->record;
  TRY_OK(drop_privileges(file.ino, next, loses_privileges(caller, kill_suidgid)));
  TRY_OK(data.write(file.ino, next, offset, bytes));
  finish_data_change(caller, *inode, next, offset, bytes.size());
  return bytes.size();
}

Result<void> Vfs::Parts::allocate(const Caller& caller, HandleId handle, int mode,
                                  std::uint64_t offset, std::uint64_t length) {
  TRY(const OpenFile file, handles.get(handle));
  if (!file.writable()) return errno_error(EBADF);
  TRY(const InodeRef inode, get_file(file));
  if (length == 0 || offset > kFileBytesMax) return errno_error(EINVAL);
  if (length > kFileBytesMax - offset) return errno_error(EFBIG);
  if ((mode & FALLOC_FL_PUNCH_HOLE) == 0) TRY_OK(check_room(file.ino, offset, length));
  // A kernel that leaves taking privileges away to us sends a flag with each write, but has none
  // for this and for copying: there we go by the user.
  InodeRecord next = inode->record;
  TRY_OK(drop_privileges(file.ino, next, caller.uid != 0));
  TRY_OK(data.allocate(file.ino, next, mode, offset, length));
  finish_data_change(caller, *inode, next, offset, length);
  return {};
}

Result<std::uint64_t> Vfs::Parts::copy_range(const Caller& caller, HandleId from,
                                             std::uint64_t from_offset, HandleId to,
                                             std::uint64_t to_offset, std::uint64_t length) {
  TRY(const OpenFile source, handles.get(from));
  TRY(const OpenFile target, handles.get(to));
  if (!source.readable() || !target.writable() || (target.flags & O_APPEND) != 0) {
    return errno_error(EBADF);
  }
  TRY(const InodeRef source_inode, get_file(source));
  TRY(const InodeRef inode, get_file(target));
  if (from_offset > kFileBytesMax || to_offset > kFileBytesMax) return errno_error(EINVAL);
  const std::uint64_t size = source_inode->record.size;
  if (from_offset >= size || length == 0) return std::uint64_t{0};
  length = std::min(length, size - from_offset);
  if (length > kFileBytesMax - to_offset) return errno_error(EFBIG);
  TRY_OK(check_room(target.ino, to_offset, length));
  InodeRecord next = inode->record;
  InodeRecord source_next = source_inode->record;
  TRY_OK(drop_privileges(target.ino, next, caller.uid != 0));
  const bool same = source.ino == target.ino;
  TRY(const std::uint64_t copied,
      data.copy_range(source.ino, same ? next : source_next, from_offset, target.ino, next,
                      to_offset, length));
  if (!same && !(source_next == source_inode->record)) {
    counters.change_bytes(source_inode->record.blocks, source_next.blocks);
    inodes.store(*source_inode, source_next);
  }
  finish_data_change(caller, *inode, next, to_offset, copied);
  touch_atime(*source_inode, source.flags);
  return copied;
}

Task<Result<std::size_t>> Vfs::write(Caller caller, HandleId handle, std::uint64_t offset,
                                     ByteView bytes, bool kill_suidgid) {
  if (bytes.size() > kIoBytesMax) co_return errno_error(EINVAL);
  CO_TRY_OK(co_await parts_->admit(caller, bytes.size()));
  co_return parts_->finish(parts_->write(caller, handle, offset, bytes, kill_suidgid));
}

Task<Result<std::size_t>> Vfs::read(HandleId handle, std::uint64_t offset, MutableByteView into,
                                    const CancelFlag* cancel) {
  Parts& p = *parts_;
  CO_TRY(const OpenFile file, p.handles.get(handle));
  if (!file.readable()) co_return errno_error(EBADF);
  std::uint64_t size = 0;
  {
    CO_TRY(const InodeRef inode, p.get_file(file));
    size = inode->record.size;
    if (offset >= size || into.empty()) co_return std::size_t{0};
    p.touch_atime(*inode, file.flags);
  }
  p.handles.reads(handle).on_read(p.data, file.ino, size, offset, into.size());
  p.inodes.open(file.ino);  // stays, if it is closed and unlinked while we wait for its bytes
  auto result = co_await p.data.read(file.ino, size, offset, into, cancel);
  p.inodes.close(file.ino);
  co_return result;
}

Task<Result<void>> Vfs::allocate(Caller caller, HandleId handle, int mode, std::uint64_t offset,
                                 std::uint64_t length) {
  CO_TRY_OK(co_await parts_->admit(caller, 0));
  auto result = parts_->finish(parts_->allocate(caller, handle, mode, offset, length));
  parts_->reclaimer.continue_trims();
  co_return result;
}

Task<Result<std::uint64_t>> Vfs::seek(HandleId handle, std::uint64_t offset, int whence) {
  Parts& p = *parts_;
  CO_TRY(const OpenFile file, p.handles.get(handle));
  CO_TRY(const InodeRef inode, p.get_file(file));
  co_return p.data.seek(file.ino, inode->record, offset, whence);
}

Task<Result<std::uint64_t>> Vfs::copy_range(Caller caller, HandleId from, std::uint64_t from_offset,
                                            HandleId to, std::uint64_t to_offset,
                                            std::uint64_t length) {
  CO_TRY_OK(co_await parts_->admit(caller, 0));
  co_return parts_->finish(parts_->copy_range(caller, from, from_offset, to, to_offset, length));
}

}  // namespace cairn::vfs
