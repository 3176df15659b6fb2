#include "fsd/object_store/object_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "fsd/object_store/content_etag.h"
#include "fsd/object_store/disk_errors.h"

namespace cairn::object_store {
namespace {

constexpr const char* kLockName = "~lock~";
constexpr const char* kNewFilesName = "~tmp~";
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr int kTriesMax = 1000;

int retry_eintr(auto call) {
  int result = -1;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

Result<void> write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return disk_error(wrote < 0 ? errno : EIO, "writing", "a new object");
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<void> sync_fd(int fd, std::string_view path) {
  if (retry_eintr([fd] { return ::fsync(fd); }) != 0) return disk_error(errno, "syncing", path);
  return {};
}

std::string link_source(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

}  // namespace

Result<std::unique_ptr<ObjectDirectory>> ObjectDirectory::open(const std::string& path,
                                                               Options options) {
  std::error_code error;
  if (std::filesystem::create_directories(path, error)) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  }
  if (error) return disk_error(error.value(), "making", path);
  auto directory = std::unique_ptr<ObjectDirectory>(new ObjectDirectory);
  directory->path_ = path;
  directory->anonymous_files_ = options.anonymous_files;
  directory->attributes_ = options.attributes;
  TRY_OK(directory->prepare());
  return directory;
}

Result<void> ObjectDirectory::prepare() {
  root_ = UniqueFd(::open(path_.c_str(), kDirectoryFlags));
  if (!root_) return disk_error(errno, "opening", path_);
  if (::mkdirat(root_.get(), kNewFilesName, 0700) != 0 && errno != EEXIST && errno != EROFS &&
      errno != EACCES) {
    return disk_error(errno, "making a directory in", path_);
  }
  new_files_ = UniqueFd(::openat(root_.get(), kNewFilesName, kDirectoryFlags));
  if (!new_files_) return {};  // a directory that may only be read: puts will say so
  clean_up_new_files();
  if (anonymous_files_) probe_anonymous_files();
  if (::syncfs(root_.get()) != 0) return disk_error(errno, "syncing", path_);
  return {};
}

void ObjectDirectory::probe_anonymous_files() {
  anonymous_files_ = false;
  const UniqueFd fd(::openat(new_files_.get(), ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
  if (!fd) return;
  const std::string name = "probe-" + std::to_string(::getpid());
  if (::linkat(AT_FDCWD, link_source(fd.get()).c_str(), new_files_.get(), name.c_str(),
               AT_SYMLINK_FOLLOW) == 0) {
    anonymous_files_ = true;
    ::unlinkat(new_files_.get(), name.c_str(), 0);
  }
}

/// A writer holds a lock on its file for as long as it lives. One that has just made its file and
/// not locked it yet may lose it here: it sees that and begins again.
void ObjectDirectory::clean_up_new_files() {
  auto names = names_in(kNewFilesName);
  if (!names) return;
  for (const std::string& name : *names) {
    const UniqueFd fd(::openat(new_files_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
      ::unlinkat(new_files_.get(), name.c_str(), 0);
    }
  }
}

Result<UniqueFd> ObjectDirectory::lock() {
  UniqueFd fd(::openat(root_.get(), kLockName, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return disk_error(errno, "opening the lock of", path_);
  if (retry_eintr([&fd] { return ::flock(fd.get(), LOCK_EX); }) != 0) {
    return disk_error(errno, "locking", path_);
  }
  return fd;
}

Result<std::string> ObjectDirectory::write(const std::string& key, ByteView body,
                                           const PutCondition& condition) {
  if (!new_files_) return disk_error(EROFS, "writing below", path_);
  std::string etag = content_etag(body);
  for (int tries = 0; tries < kTriesMax; ++tries) {
    TRY(const Outcome outcome, try_write(key, body, etag, condition));
    if (outcome == Outcome::kDone) return etag;
  }
  struct stat status{};
  if (::fstat(root_.get(), &status) == 0 && status.st_nlink == 0) {
    return disk_error(ENOENT, "writing below", path_);
  }
  return Error(StoreErrc::kUnavailable, "a directory of the store goes away again and again", key);
}

Result<ObjectDirectory::Outcome> ObjectDirectory::try_write(const std::string& key, ByteView body,
                                                            const std::string& etag,
                                                            const PutCondition& condition) {
  TRY(auto place, make_place(key));
  if (!place) return Outcome::kAgain;
  TRY(auto file, new_file(condition.only_if_absent));
  if (!file) return Outcome::kAgain;
  Result<void> filled = fill(*file, body, etag);
  if (!filled) {
    forget(*file);
    return filled.error();
  }
  Result<Outcome> published = condition.only_if_absent
                                  ? publish_new(*file, *place, key)
                                  : publish_over(*file, *place, key, condition);
  forget(*file);
  if (!published || *published == Outcome::kAgain) return published;
  TRY_OK(sync_fd(place->directory.get(), path_));
  return Outcome::kDone;
}

Result<std::optional<ObjectDirectory::NewFile>> ObjectDirectory::new_file(bool may_be_anonymous) {
  if (may_be_anonymous && anonymous_files_) {
    // Not in the object's own directory, which somebody may be removing because it is empty.
    NewFile file{
        .fd = UniqueFd(::openat(new_files_.get(), ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600)),
        .name = {}};
    if (file.fd) return std::optional<NewFile>(std::move(file));
    return disk_error(errno, "making a file in", path_);
  }
  NewFile file;
  file.name = std::to_string(::getpid()) + '-' + std::to_string(++next_name_);
  file.fd = UniqueFd(
      ::openat(new_files_.get(), file.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.fd && errno == EEXIST) return std::optional<NewFile>();  // of one who died: next number
  if (!file.fd) return disk_error(errno, "making a file in", path_);
  if (::flock(file.fd.get(), LOCK_EX | LOCK_NB) != 0) return std::optional<NewFile>();
  return std::optional<NewFile>(std::move(file));
}

Result<void> ObjectDirectory::fill(const NewFile& file, ByteView body, const std::string& etag) {
  TRY_OK(write_all(file.fd.get(), body));
  if (attributes_) {
    const std::string value = std::to_string(body.size()) + ':' + etag;
    // No space for it, or no such thing here: the etag is computed when it is asked for.
    if (::fsetxattr(file.fd.get(), kEtagAttribute, value.data(), value.size(), 0) != 0 &&
        (errno == ENOTSUP || errno == EPERM)) {
      attributes_ = false;
    }
  }
  return sync_fd(file.fd.get(), "a new object");
}

void ObjectDirectory::forget(const NewFile& file) {
  if (!file.name.empty()) ::unlinkat(new_files_.get(), file.name.c_str(), 0);
}

Result<ObjectDirectory::Outcome> ObjectDirectory::publish_new(const NewFile& file,
                                                              const Place& place,
                                                              const std::string& key) {
  const bool anonymous = file.name.empty();
  const std::string source = anonymous ? link_source(file.fd.get()) : file.name;
  const int from = anonymous ? AT_FDCWD : new_files_.get();
  const int to = place.directory.get();
  const char* leaf = place.leaf.c_str();
  int result = ::linkat(from, source.c_str(), to, leaf, anonymous ? AT_SYMLINK_FOLLOW : 0);
  if (result != 0 && !anonymous && (errno == EPERM || errno == ENOTSUP || errno == ENOSYS)) {
    result = ::renameat2(from, source.c_str(), to, leaf, RENAME_NOREPLACE);  // no hard links here
  }
  if (result == 0) return Outcome::kDone;
  if (errno == ENOENT) return Outcome::kAgain;
  if (errno != EEXIST) return disk_error(errno, "naming", key);
  struct stat status{};
  if (::fstatat(to, leaf, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Error(StoreErrc::kPreconditionFailed, "", key);
    return disk_error(errno, "looking at", key);
  }
  if (S_ISDIR(status.st_mode)) return make_room(place, key);
  return Error(StoreErrc::kPreconditionFailed, "", key);
}

Result<ObjectDirectory::Outcome> ObjectDirectory::publish_over(const NewFile& file,
                                                               const Place& place,
                                                               const std::string& key,
                                                               const PutCondition& condition) {
  TRY(const UniqueFd held, lock());
  if (condition.if_etag) {
    Result<Object> now = read(key, {.offset = 0, .length = 0});
    const bool absent = !now && is(now.error(), StoreErrc::kNotFound);
    if (!now && !absent) return now.error();
    if (absent || now->etag != *condition.if_etag) {
      return Error(StoreErrc::kPreconditionFailed, "", key);
    }
  }
  if (::renameat(new_files_.get(), file.name.c_str(), place.directory.get(), place.leaf.c_str()) ==
      0) {
    return Outcome::kDone;
  }
  if (errno == ENOENT) return Outcome::kAgain;
  if (errno == EISDIR || errno == EEXIST || errno == ENOTEMPTY) return make_room(place, key);
  return disk_error(errno, "naming", key);
}

/// A directory stands where the object belongs: fine if it is only left over.
Result<ObjectDirectory::Outcome> ObjectDirectory::make_room(const Place& place,
                                                            const std::string& key) {
  if (::unlinkat(place.directory.get(), place.leaf.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) {
    return Outcome::kAgain;
  }
  return Error(StoreErrc::kBadRequest, "a key is the beginning of others", key);
}

Result<void> ObjectDirectory::remove(const std::string& key) {
  {
    TRY(const UniqueFd held, lock());
    if (::unlinkat(root_.get(), key.c_str(), 0) != 0) {
      // A directory of that name is no object.
      if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR) return {};
      const int number = errno;
      struct stat status{};
      if (::fstatat(root_.get(), key.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
          S_ISDIR(status.st_mode)) {
        return {};
      }
      return disk_error(number, "removing", key);
    }
  }
  const std::size_t slash = key.rfind('/');
  const std::string parent = slash == key.npos ? "." : key.substr(0, slash);
  const std::string survivor = remove_empty_directories(parent);
  const UniqueFd fd(::openat(root_.get(), survivor.c_str(), kDirectoryFlags));
  if (!fd) return {};  // somebody else removed it, and syncs what held it
  return sync_fd(fd.get(), survivor);
}

/// The first directory upwards that is not empty.
std::string ObjectDirectory::remove_empty_directories(std::string directory) {
  while (directory != ".") {
    {
      std::lock_guard guard(mutex_);
      known_.erase(directory);
    }
    if (::unlinkat(root_.get(), directory.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) break;
    const std::size_t slash = directory.rfind('/');
    directory = slash == directory.npos ? "." : directory.substr(0, slash);
  }
  return directory;
}

/// A directory whose own name is known to be on disk; none if it is not known, or gone.
UniqueFd ObjectDirectory::open_known(const std::string& directory) {
  {
    std::lock_guard guard(mutex_);
    if (!known_.contains(directory)) return UniqueFd();
  }
  UniqueFd fd(::openat(root_.get(), directory.c_str(), kDirectoryFlags));
  if (fd) return fd;
  std::lock_guard guard(mutex_);
  known_.erase(directory);
  return UniqueFd();
}

Result<std::optional<UniqueFd>> ObjectDirectory::enter_directory(int parent,
                                                                 const std::string& name,
                                                                 const std::string& path) {
  if (::mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST) {
    if (errno == ENOENT && path != name) return std::optional<UniqueFd>();
    return disk_error(errno, "making", path);
  }
  UniqueFd fd(::openat(parent, name.c_str(), kDirectoryFlags));
  if (!fd && errno == ENOENT) return std::optional<UniqueFd>();
  if (!fd && errno == ENOTDIR) {
    return Error(StoreErrc::kBadRequest, "a part of a key is itself an object", path);
  }
  if (!fd) return disk_error(errno, "opening", path);
  TRY_OK(sync_fd(parent, path));
  std::lock_guard guard(mutex_);
  known_.insert(path);
  return std::optional<UniqueFd>(std::move(fd));
}

Result<std::optional<ObjectDirectory::Place>> ObjectDirectory::make_place(const std::string& key) {
  const std::size_t last = key.rfind('/');
  Place place;
  place.leaf = last == key.npos ? key : key.substr(last + 1);
  if (last == key.npos) {
    place.directory = UniqueFd(::openat(root_.get(), ".", kDirectoryFlags));
    if (!place.directory) return disk_error(errno, "opening", path_);
    return std::optional<Place>(std::move(place));
  }
  place.directory = open_known(key.substr(0, last));
  if (place.directory) return std::optional<Place>(std::move(place));
  int parent = root_.get();
  for (std::size_t from = 0; from <= last;) {
    const std::size_t slash = key.find('/', from);
    TRY(auto fd, enter_directory(parent, key.substr(from, slash - from), key.substr(0, slash)));
    if (!fd) return std::optional<Place>();
    place.directory = std::move(*fd);
    parent = place.directory.get();
    from = slash + 1;
  }
  return std::optional<Place>(std::move(place));
}

}  // namespace cairn::object_store
