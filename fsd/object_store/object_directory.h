#pragma once

// Objects as files below a directory: the blocking half of FileStore.
//
// An object with the key `log/0a/00ff` is the file DIR/log/0a/00ff, byte for byte, so that the
// directory can be copied, or sent to a bucket, with ordinary tools. What is no object has a name
// that no key can have: `~lock~`, and `~tmp~/` for files that are being written.
//
// A put writes a file that nobody sees yet, syncs it, gives it its name, and syncs the directory:
//   - create-only: link(2), which fails with EEXIST; the kernel decides races;
//   - else: rename(2) while holding an flock on `~lock~`, with the comparison of the etag under the
//     same lock. Removal takes it, too. The lock excludes other processes as well as threads.
// The file is an O_TMPFILE where the filesystem has that, so that a crash leaves nothing behind.
// Otherwise its writer holds an flock on it, and whoever opens the store deletes those that nobody
// holds.
//
// The etag is a hash of the content. It is kept in an extended attribute, so that reading a part of
// an object does not mean hashing all of it; without one (copied with a tool that drops them, or a
// filesystem that has none) it is computed, and remembered for large files.
//
// Between the naming and the directory's sync a reader may see an object that a power cut would
// take away again. A journal that keeps its order (ext4, XFS) then takes with it whatever was built
// on it; for others, open() syncs the filesystem, so that what recovery reads is on disk.

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/unique_fd.h"
#include "fsd/object_store/object_store.h"

namespace cairn::object_store {

/// Threads: any, and any number of processes on one directory. Every call blocks on the disk.
/// Keys must have passed check_key().
/// Fails with: kNotFound, kPreconditionFailed, kBadRequest, kAccessDenied, kBucketMissing (the
/// directory itself is gone), kUnavailable (disk full or failing).
class ObjectDirectory {
 public:
  struct Options {
    bool anonymous_files = true;  // use O_TMPFILE where it works
    bool attributes = true;       // use extended attributes where they work
  };
  /// Makes the directory if it is missing.
  static Result<std::unique_ptr<ObjectDirectory>> open(const std::string& path, Options options);

  Result<Object> read(const std::string& key, ByteRange range);
  Result<std::string> write(const std::string& key, ByteView body, const PutCondition& condition);
  Result<void> remove(const std::string& key);
  Result<ListPage> list(const std::string& prefix, const std::string& start_after,
                        std::uint32_t limit);

 private:
  /// A file without its final name. `name` is below `~tmp~`, or empty: it has none.
  struct NewFile {
    UniqueFd fd;
    std::string name;
  };
  /// Where a key's file belongs.
  struct Place {
    UniqueFd directory;
    std::string leaf;
  };
  enum class Outcome { kDone, kAgain };  // kAgain: a directory went away meanwhile
  struct FileIdentity {
    dev_t device;
    ino_t inode;
    off_t size;
    std::int64_t modified_ns;
    auto operator<=>(const FileIdentity&) const = default;
  };
  static constexpr const char* kEtagAttribute = "user.cairn.etag";  // "SIZE:ETAG"

  ObjectDirectory() = default;
  Result<void> prepare();
  void probe_anonymous_files();
  void clean_up_new_files();

  Result<std::optional<Place>> make_place(const std::string& key);
  UniqueFd open_known(const std::string& directory);
  Result<std::optional<UniqueFd>> enter_directory(int parent, const std::string& name,
                                                  const std::string& path);
  Result<Outcome> try_write(const std::string& key, ByteView body, const std::string& etag,
                            const PutCondition& condition);
  Result<std::optional<NewFile>> new_file(bool may_be_anonymous);
  Result<void> fill(const NewFile& file, ByteView body, const std::string& etag);
  Result<Outcome> publish_new(const NewFile& file, const Place& place, const std::string& key);
  Result<Outcome> publish_over(const NewFile& file, const Place& place, const std::string& key,
                               const PutCondition& condition);
  Result<Outcome> make_room(const Place& place, const std::string& key);
  void forget(const NewFile& file);
  std::string remove_empty_directories(std::string directory);

  Result<UniqueFd> lock();
  static std::optional<std::string> kept_etag(int fd, off_t size);
  Result<std::string> etag_of(int fd, const struct stat& status);
  Result<std::string> compute_etag(int fd, const struct stat& status);
  Result<bool> list_below(const std::string& directory, const std::string& prefix,
                          const std::string& start_after, std::uint32_t limit, ListPage& page);
  Result<std::vector<std::string>> names_in(const std::string& directory);

  std::string path_;
  UniqueFd root_;
  UniqueFd new_files_;  // DIR/~tmp~
  bool anonymous_files_ = true;
  std::atomic<bool> attributes_ = true;
  std::atomic<std::uint64_t> next_name_ = 0;
  std::mutex mutex_;
  std::set<std::string, std::less<>> known_;   // guarded: directories that are on disk
  std::map<FileIdentity, std::string> etags_;  // guarded: computed for large files
};

}  // namespace cairn::object_store
