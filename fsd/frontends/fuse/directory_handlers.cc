#include <algorithm>
#include <array>
#include <cstring>

#include "fsd/frontends/fuse/handlers.h"

namespace cairn::fuse {
namespace {

using vfs::DirectoryEntry;
using vfs::HandleId;

Task<> do_opendir(Request request, Ino ino) {
  vfs::Vfs& vfs = request.door().vfs;
  auto handle = co_await vfs.open_directory(request.caller(), ino);
  if (!handle) {
    request.error(handle.error());
  } else if (!request.opened_directory(*handle)) {
    (void)co_await vfs.release_directory(*handle);
  }
}

/// Fills the answer to one readdir.
class Listing {
 public:
  Listing(Request& request, std::size_t size, bool plus)
      : request_(request), buffer_(request.reply_buffer(size)), plus_(plus) {}

  /// False: it did not fit.
  bool add(const DirectoryEntry& entry) {
    std::array<char, vfs::kNameBytesMax + 1> name;  // libfuse wants a NUL at the end
    const std::size_t length = std::min(entry.name.size(), vfs::kNameBytesMax);
    std::memcpy(name.data(), entry.name.data(), length);
    name[length] = '\0';
    const std::size_t needed = plus_ ? add_plus(entry, name.data()) : add_plain(entry, name.data());
    if (needed > room()) return false;
    used_ += needed;
    return true;
  }
  [[nodiscard]] std::string_view bytes() const { return {buffer_.chars(), used_}; }

 private:
  [[nodiscard]] std::size_t room() const { return buffer_.size() - used_; }
  [[nodiscard]] char* end() const { return buffer_.chars() + used_; }

  static struct stat brief(const DirectoryEntry& entry) {
    struct stat st{};
    st.st_ino = entry.ino.value();
    st.st_mode = static_cast<mode_t>(entry.type) << 12U;  // DTTOIF
    return st;
  }

  std::size_t add_plain(const DirectoryEntry& entry, const char* name) {
    const struct stat st = brief(entry);
    return fuse_add_direntry(request_.raw(), end(), room(), name, &st,
                             static_cast<off_t>(entry.cookie));
  }

  std::size_t add_plus(const DirectoryEntry& entry, const char* name) {
    fuse_entry_param param{};
    param.attr = brief(entry);
    bool counted = false;
    // The kernel counts no lookup for these two, nor for an entry that comes without a number.
    if (entry.name != "." && entry.name != "..") {
      if (auto found = request_.door().vfs.peek_attributes(entry.ino)) {
        param = request_.entry_param(*found);
        counted = true;
      }
    }
    const std::size_t needed = fuse_add_direntry_plus(request_.raw(), end(), room(), name, &param,
                                                      static_cast<off_t>(entry.cookie));
    if (counted && needed <= room()) request_.door().remember(entry.ino);
    return needed;
  }

  Request& request_;
  ReplyBuffer buffer_;
  std::size_t used_ = 0;
  const bool plus_;
};

Task<> do_readdir(Request request, HandleId handle, std::uint64_t cookie, std::size_t size,
                  bool plus) {
  Listing listing(request, std::min(size, vfs::kIoBytesMax), plus);
  auto result = request.door().vfs.read_directory(
      handle, cookie, [&listing](const DirectoryEntry& entry) { return listing.add(entry); });
  if (result) {
    request.bytes(listing.bytes());
  } else {
    request.error(result.error());
  }
  co_return;
}

Task<> do_releasedir(Request request, HandleId handle) {
  auto result = co_await request.door().vfs.release_directory(handle);
  request.done(result);
}

Task<> do_fsyncdir(Request request, Ino ino, bool data_only) {
  auto result = co_await request.door().vfs.fsync(ino, data_only);
  request.done(result);
}

void on_opendir(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
  enter(request, RequestKind::kOpendir, do_opendir, Ino(ino));
}
void on_readdir(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset,
                fuse_file_info* info) {
  enter(request, RequestKind::kReaddir, do_readdir, HandleId(info->fh),
        static_cast<std::uint64_t>(offset), size, false);
}
void on_readdirplus(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset,
                    fuse_file_info* info) {
  enter(request, RequestKind::kReaddir, do_readdir, HandleId(info->fh),
        static_cast<std::uint64_t>(offset), size, true);
}
void on_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  enter(request, RequestKind::kReleasedir, do_releasedir, HandleId(info->fh));
}
void on_fsyncdir(fuse_req_t request, fuse_ino_t ino, int data_only, fuse_file_info*) {
  enter(request, RequestKind::kFsyncdir, do_fsyncdir, Ino(ino), data_only != 0);
}

}  // namespace

void add_directory_handlers(fuse_lowlevel_ops& ops) {
  ops.opendir = on_opendir;
  ops.readdir = on_readdir;
  ops.readdirplus = on_readdirplus;
  ops.releasedir = on_releasedir;
  ops.fsyncdir = on_fsyncdir;
}

}  // namespace cairn::fuse
