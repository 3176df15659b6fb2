#include "fsd/vfs/vfs_parts.h"

#include <unistd.h>

#include <vector>

namespace cairn::vfs {
namespace {

constexpr std::size_t kEntriesPerScan = 128;

}  // namespace

Task<Result<HandleId>> Vfs::open_directory(Caller caller, Ino ino) {
  Parts& p = *parts_;
  CO_TRY_OK(p.get_directory(caller, ino, R_OK));
  co_return p.add_handle(caller, ino, O_RDONLY | O_DIRECTORY, true);
}

Result<void> Vfs::read_directory(HandleId handle, std::uint64_t cookie,
                                 const std::function<bool(const DirectoryEntry&)>& visit) {
  Parts& p = *parts_;
  TRY(const OpenFile file, p.handles.get(handle));
  if (!file.directory) return errno_error(ENOTDIR);
  TRY(const InodeRef dir, p.inodes.get(file.ino));
  p.touch_atime(*dir, file.flags);
  if (dir->record.nlink == 0) return {};  // removed: not even "." and ".."
  constexpr std::uint8_t kDirectoryType = S_IFDIR >> 12;
  if (cookie < Directory::kDotCookie) {
    if (!visit({file.ino, kDirectoryType, Directory::kDotCookie, "."})) return {};
    cookie = Directory::kDotCookie;
  }
  if (cookie < Directory::kDotDotCookie) {
    if (!visit({dir->record.parent, kDirectoryType, Directory::kDotDotCookie, ".."})) return {};
    cookie = Directory::kDotDotCookie;
  }
  // Visited outside the scan, so that `visit` may look at attributes.
  std::vector<Directory::Entry> entries;
  do {
    if (cookie >= INT64_MAX) return {};
    TRY_OK(p.directory.list(file.ino, cookie, kEntriesPerScan, entries));
    for (const Directory::Entry& e : entries) {
      if (!visit({e.record.ino, e.record.type, e.cookie, e.record.name})) return {};
      cookie = e.cookie;
    }
  } while (entries.size() == kEntriesPerScan);
  return {};
}

Task<Result<void>> Vfs::release_directory(HandleId handle) {
  co_return parts_->release(handle, true);
}

}  // namespace cairn::vfs
