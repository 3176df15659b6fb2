// The reading half of ObjectDirectory: objects, etags and lists.

#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "fsd/object_store/content_etag.h"
#include "fsd/object_store/disk_errors.h"
#include "fsd/object_store/key_rules.h"
#include "fsd/object_store/object_directory.h"

namespace cairn::object_store {
namespace {

constexpr off_t kRememberFrom = 256 << 10;
constexpr std::size_t kRememberMax = 4096;
constexpr std::size_t kHashBufferBytes = 1 << 20;
constexpr std::size_t kAttributeBytesMax = 64;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<std::size_t> read_some(int fd, MutableByteView into, off_t offset) {
  for (;;) {
    const ssize_t got = ::pread(fd, into.data(), into.size(), offset);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return disk_error(errno, "reading", "an object");
  }
}

Result<SharedBytes> read_part(int fd, Covered part) {
  if (part.length == 0) return SharedBytes();
  auto buffer = std::make_shared_for_overwrite<std::uint8_t[]>(part.length);
  const MutableByteView all(buffer.get(), part.length);
  for (std::size_t done = 0; done < all.size();) {
    TRY(const std::size_t got,
        read_some(fd, all.subspan(done), static_cast<off_t>(part.offset + done)));
    if (got == 0) {
      return Error(StoreErrc::kDamaged, "a file of the store became shorter while it was read");
    }
    done += got;
  }
  return SharedBytes(std::move(buffer), all);
}

std::string with_slash(const std::string& directory) {
  return directory == "." ? std::string() : directory + '/';
}

}  // namespace

Result<Object> ObjectDirectory::read(const std::string& key, ByteRange range) {
  const UniqueFd fd(
      ::openat(root_.get(), key.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return Error(StoreErrc::kNotFound, "", key);
    return disk_error(errno, "opening", key);
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return disk_error(errno, "looking at", key);
  if (!S_ISREG(status.st_mode)) return Error(StoreErrc::kNotFound, "", key);
  Object object;
  object.size = static_cast<std::uint64_t>(status.st_size);
  TRY(object.body, read_part(fd.get(), covered(range, object.size)));
  TRY(object.etag, etag_of(fd.get(), status));
  return object;
}

/// The etag in the extended attribute, unless somebody has changed the file's size since.
std::optional<std::string> ObjectDirectory::kept_etag(int fd, off_t size) {
  std::array<char, kAttributeBytesMax> value{};
  const ssize_t got = ::fgetxattr(fd, kEtagAttribute, value.data(), value.size());
  if (got <= 0) return std::nullopt;
  const std::string text(value.data(), static_cast<std::size_t>(got));
  const std::string expected = std::to_string(size) + ':';
  if (!text.starts_with(expected) || text.size() == expected.size()) return std::nullopt;
  return text.substr(expected.size());
}

Result<std::string> ObjectDirectory::etag_of(int fd, const struct stat& status) {
  if (attributes_) {
    if (auto kept = kept_etag(fd, status.st_size)) return *std::move(kept);
  }
  if (status.st_size < kRememberFrom) return compute_etag(fd, status);
  const FileIdentity identity{
      .device = status.st_dev,
      .inode = status.st_ino,
      .size = status.st_size,
      .modified_ns = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec};
  {
    std::lock_guard guard(mutex_);
    const auto found = etags_.find(identity);
    if (found != etags_.end()) return found->second;
  }
  TRY(std::string etag, compute_etag(fd, status));
  std::lock_guard guard(mutex_);
  if (etags_.size() >= kRememberMax) etags_.clear();
  etags_.emplace(identity, etag);
  return etag;
}

Result<std::string> ObjectDirectory::compute_etag(int fd, const struct stat& status) {
  ContentEtag etag;
  std::string buffer(std::min<std::size_t>(kHashBufferBytes, status.st_size + 1), '\0');
  const MutableByteView into(reinterpret_cast<std::uint8_t*>(buffer.data()), buffer.size());
  for (off_t offset = 0;;) {
    TRY(const std::size_t got, read_some(fd, into, offset));
    if (got == 0) return etag.finish();
    etag.add(into.first(got));
    offset += static_cast<off_t>(got);
  }
}

/// The names in a directory that may be parts of keys; a directory's with a '/' at its end, so that
/// sorting them sorts the keys below them. In `~tmp~`, all names.
Result<std::vector<std::string>> ObjectDirectory::names_in(const std::string& directory) {
  std::vector<std::string> names;
  UniqueFd fd(::openat(root_.get(), directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR) && directory != ".") return names;
  if (!fd) return disk_error(errno, "opening", directory);
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(fd.get()));
  if (!stream) return disk_error(ENOMEM, "listing", directory);
  (void)fd.release();  // the stream's now
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return disk_error(errno, "listing", directory);
    if (entry == nullptr) break;
    std::string name(entry->d_name);
    if (name == "." || name == ".." || !std::all_of(name.begin(), name.end(), is_key_char))
      continue;
    bool is_directory = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {
      struct stat status{};
      is_directory = ::fstatat(::dirfd(stream.get()), name.c_str(), &status, 0) == 0 &&
                     S_ISDIR(status.st_mode);
    }
    if (is_directory) name += '/';
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Adds what is below `directory` in the order of keys. False: the page is full and there is more.
Result<bool> ObjectDirectory::list_below(const std::string& directory, const std::string& prefix,
                                         const std::string& start_after, std::uint32_t limit,
                                         ListPage& page) {
  TRY(const auto names, names_in(directory));
  const std::string path = with_slash(directory);
  for (const std::string& name : names) {
    const std::string key = path + name;
    if (name.ends_with('/')) {
      const bool may_match = key.starts_with(prefix) || prefix.starts_with(key);
      const bool all_before = key < start_after && !start_after.starts_with(key);
      if (!may_match || all_before) continue;
      TRY(const bool go_on,
          list_below(key.substr(0, key.size() - 1), prefix, start_after, limit, page));
      if (!go_on) return false;
      continue;
    }
    if (!key.starts_with(prefix) || key <= start_after) continue;
    struct stat status{};
    if (::fstatat(root_.get(), key.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone
    if (!S_ISREG(status.st_mode)) continue;
    if (page.objects.size() == limit) {
      page.more = true;
      return false;
    }
    page.objects.push_back({.key = key, .size = static_cast<std::uint64_t>(status.st_size)});
  }
  return true;
}

Result<ListPage> ObjectDirectory::list(const std::string& prefix, const std::string& start_after,
                                       std::uint32_t limit) {
  ListPage page;
  const std::size_t slash = prefix.rfind('/');
  const std::string from = slash == prefix.npos ? "." : prefix.substr(0, slash);
  if (slash != prefix.npos && !check_key(from)) return page;  // no key begins like that
  TRY_OK(list_below(from, prefix, start_after, limit, page));
  return page;
}

}  // namespace cairn::object_store
