#include "fsd/index/lmdb_index.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>

#include "fsd/base/check.h"
#include "fsd/base/log.h"
#include "fsd/index/changes.h"
#include "fsd/index/lmdb_calls.h"
#include "fsd/index/lmdb_error.h"
#include "fsd/index/lmdb_snapshot.h"

// Layout. One LMDB environment, DIRECTORY/data.mdb, with two databases: "meta" holds the metadata
// keys as they are, "stamp" holds the version of this layout, the volume and the position. Both
// change in one transaction, so the position always says what the metadata is the state of.
//
// Trust. LMDB never overwrites a page of the newest committed state: it writes new pages, syncs
// them, then writes one of two meta pages and syncs again. A crash at any point leaves the old
// state or the new one. During a rebuild the second sync is left out (MDB_NOMETASYNC): a power cut
// may then undo the last commits, which only makes the lost load shorter; the order of data before
// meta stays, so the file is whole. The stamp is empty until finish_load(), which syncs fully.
// LMDB keeps no checksums of pages, so each value carries one of ours (value_checksum.h): what a
// disk has changed in it must not get from here into a checkpoint. What LMDB can notice (a foreign
// file, another version, a page of the wrong kind or past the end) is kDamaged, too; keys that go
// missing because a page changed go unnoticed. A file shorter than its meta page says would raise
// SIGBUS later and is refused when opened. Where an assertion of LMDB's fails it would abort; our
// handler gets out of LMDB by an exception, which guarded() turns into MDB_CORRUPTED at once. That
// is sound for cursors of read transactions, which hold nothing. After that, or a wrong checksum,
// nothing is written any more, and a file "suspect" is left, so that the next start rebuilds.
//
// Address space. LMDB maps its file once, at a fixed size, and cannot grow the map while somebody
// reads. The map costs addresses only: without MDB_WRITEMAP the file is as long as what was
// written. So we map far more than an index needs: 64 GiB (several hundred million files) or eight
// times what the file has now, whichever is more, and half of that as long as the kernel refuses
// (RLIMIT_AS). Outgrowing it is kFull until the next start.
//
// Reading. A snapshot is a read transaction (lmdb_snapshot.h); values are views into the map.
// MDB_NOTLS frees snapshots from the thread that made them; MDB_NORDAHEAD keeps a random read from
// pulling in neighbours when the index is larger than memory.
//
// Locking. LMDB's own lock file would let two processes share the environment, which is not what
// we want: the writer of one daemon must not go on from the other's position. Hence a flock on a
// file beside it, taken before LMDB looks at anything.

namespace cairn::index {
namespace {

constexpr const char* kVersion = "2";
constexpr std::uint64_t kMapBytesMin = 1ULL << 20;
constexpr unsigned kReadersMax = 512;
constexpr unsigned kEnvironmentFlags = MDB_NOTLS | MDB_NORDAHEAD;

std::string suspect_path(const std::string& directory) { return directory + "/suspect"; }

/// The file must be as long as the newest meta page says; LMDB would find out by SIGBUS.
Result<void> check_length(MDB_env* environment, const std::string& directory) {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(environment, &info);
  mdb_env_stat(environment, &stat);
  int fd = -1;
  mdb_env_get_fd(environment, &fd);
  struct stat file{};
  if (::fstat(fd, &file) != 0) {
    return system_error(errno, "cannot look at the local index", data_path(directory));
  }
  if (info.me_last_pgno >= static_cast<std::uint64_t>(file.st_size) / stat.ms_psize &&
      file.st_size > 0) {
    return damaged_index(directory, "it is shorter than it says");
  }
  return {};
}

/// Holds the lock for as long as it is open.
Result<UniqueFd> lock_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error(errno, "cannot make the cache directory", directory);
  }
  const std::string path = directory + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return system_error(errno, "cannot open", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK) {
    return Error(IndexErrc::kLocked,
                 "another daemon uses this cache directory: give each one a --name of its own",
                 directory);
  }
  return system_error(errno, "cannot lock", path);
}

}  // namespace

/// A write transaction that is undone unless it is committed. It must end on the thread that began
/// it.
class LmdbIndex::WriteTransaction {
 public:
  explicit WriteTransaction(LmdbIndex& index) : index_(index) {}
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;
  ~WriteTransaction() {
    if (txn_ != nullptr) mdb_txn_abort(txn_);
  }

  Result<void> begin() {
    const std::string& directory = index_.options_.directory;
    if (index_.environment_ == nullptr)
      return damaged_index(directory, "it could not be made anew");
    if (index_.suspect_) return damaged_index(directory, "it was found damaged");
    return ok(mdb_txn_begin(index_.environment_, nullptr, 0, &txn_));
  }
  Result<void> commit() {
    return ok(guarded([&] { return mdb_txn_commit(std::exchange(txn_, nullptr)); }));
  }
  /// An error if `rc` is one. LMDB calls a write that was cut short, as a disk that runs full cuts
  /// it, EIO: in a transaction that is what it means to us, and a disk that fails is no better.
  Result<void> ok(int rc) const {
    if (rc == MDB_SUCCESS) return {};
    Error error = lmdb_error(rc == EIO ? ENOSPC : rc, "cannot write the local index",
                             data_path(index_.options_.directory));
    if (is(error, IndexErrc::kDamaged)) index_.set_suspect(mdb_strerror(rc));
    return error;
  }
  [[nodiscard]] MDB_txn* get() const { return txn_; }

 private:
  LmdbIndex& index_;
  MDB_txn* txn_ = nullptr;
};

LmdbIndex::LmdbIndex(Options options, UniqueFd lock)
    : options_(std::move(options)), lock_(std::move(lock)) {}

LmdbIndex::~LmdbIndex() {
  CHECK(snapshots_ == 0);
  close_environment();
}

Result<std::unique_ptr<LmdbIndex>> LmdbIndex::open(Options options) {
  TRY(UniqueFd lock, lock_directory(options.directory));
  std::unique_ptr<LmdbIndex> index(new LmdbIndex(std::move(options), std::move(lock)));
  TRY_OK(index->open_environment());
  return index;
}

Result<LmdbIndex::Opened> LmdbIndex::open_or_recreate(Options options) {
  TRY(UniqueFd lock, lock_directory(options.directory));
  std::unique_ptr<LmdbIndex> index(new LmdbIndex(std::move(options), std::move(lock)));
  auto opened = index->open_environment();
  if (opened) return Opened{.index = std::move(index), .thrown_away = {}};
  if (!is(opened.error(), IndexErrc::kDamaged)) return std::move(opened).error();
  TRY_OK(index->remove_files());
  TRY_OK(index->open_environment());
  return Opened{.index = std::move(index), .thrown_away = std::move(opened).error()};
}

void LmdbIndex::on_assertion(MDB_env* environment, const char* message) {
  static_cast<LmdbIndex*>(mdb_env_get_userctx(environment))->set_suspect(message);
  throw AssertionFailed{};
}

void LmdbIndex::set_suspect(const char* why) {
  if (suspect_.exchange(true)) return;
  log::error("the local index in {} is damaged ({}); the next start rebuilds it",
             options_.directory, why);
  const UniqueFd mark(
      ::open(suspect_path(options_.directory).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

Result<void> LmdbIndex::open_environment() {
  const std::string path = data_path(options_.directory);
  if (::access(suspect_path(options_.directory).c_str(), F_OK) == 0) {
    return damaged_index(options_.directory, "the last daemon found it so");
  }
  struct stat file{};
  const bool exists = ::stat(path.c_str(), &file) == 0;
  const std::uint64_t length = exists ? static_cast<std::uint64_t>(file.st_size) : 0;
  std::uint64_t map_bytes = std::max({options_.map_bytes_min, kMapBytesMin, length * 8});
  map_bytes = (map_bytes + 4095) / 4096 * 4096;
  const std::uint64_t least = std::max(kMapBytesMin, length + length / 2);
  suspect_ = false;
  for (;; map_bytes /= 2) {
    CHECK(mdb_env_create(&environment_) == MDB_SUCCESS);
    mdb_env_set_userctx(environment_, this);
    mdb_env_set_assert(environment_, on_assertion);
    mdb_env_set_maxdbs(environment_, 2);
    mdb_env_set_maxreaders(environment_, kReadersMax);
    mdb_env_set_mapsize(environment_, map_bytes);
    const int rc = mdb_env_open(environment_, options_.directory.c_str(), kEnvironmentFlags, 0600);
    if (rc == MDB_SUCCESS) break;
    close_environment();
    if (rc == ENOMEM && map_bytes / 2 >= least) continue;
    return lmdb_error(rc, "cannot open the local index", path);
  }
  auto result = check_length(environment_, options_.directory);
  if (result) result = open_databases();
  if (!result) close_environment();
  return result;
}

Result<void> LmdbIndex::open_databases() {
  WriteTransaction txn(*this);
  TRY_OK(txn.begin());
  // Whatever else the environment holds was not put there by us.
  MDB_dbi root = 0;
  TRY_OK(txn.ok(mdb_dbi_open(txn.get(), nullptr, 0, &root)));
  MDB_stat stat{};
  TRY_OK(txn.ok(mdb_stat(txn.get(), root, &stat)));
  const bool fresh = stat.ms_entries == 0;
  const unsigned create = fresh ? MDB_CREATE : 0;
  for (auto [name, dbi] : {std::pair("stamp", &stamp_), std::pair("meta", &meta_)}) {
    const int rc = guarded([&] { return mdb_dbi_open(txn.get(), name, create, dbi); });
    if (rc == MDB_NOTFOUND)
      return damaged_index(options_.directory, "it is somebody else's database");
    TRY_OK(txn.ok(rc));
  }
  if (fresh) {
    TRY_OK(txn.ok(put_field(txn.get(), stamp_, "version", kVersion)));
    return txn.commit();
  }
  TRY(const auto version, get_field(txn.get(), stamp_, "version", data_path(options_.directory)));
  if (version != kVersion) {
    return damaged_index(options_.directory, "its version is \"" + version + "\"");
  }
  TRY_OK(get_stamp(txn.get(), stamp_, data_path(options_.directory)));
  return txn.commit();  // of nothing; keeps the handles of the databases
}

void LmdbIndex::close_environment() {
  if (environment_ != nullptr) mdb_env_close(std::exchange(environment_, nullptr));
}

Result<void> LmdbIndex::remove_files() {
  CHECK(environment_ == nullptr);
  // The mark goes last: until the damaged file is gone it must be recognised as such.
  for (const char* name : {"/data.mdb", "/lock.mdb", "/suspect"}) {
    const std::string path = options_.directory + name;
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) continue;
    return system_error(errno, "cannot remove", path);
  }
  return {};
}

Result<std::unique_ptr<Snapshot>> LmdbIndex::snapshot() {
  std::shared_lock lock(environment_mutex_);
  if (environment_ == nullptr)
    return damaged_index(options_.directory, "it could not be made anew");
  auto snapshot = std::make_unique<LmdbSnapshot>(
      LmdbSnapshot::Source{.environment = environment_,
                           .meta = meta_,
                           .stamp = stamp_,
                           .directory = options_.directory,
                           .on_damage = [this](const char* why) { set_suspect(why); },
                           .count = snapshots_});
  TRY_OK(snapshot->begin());
  return snapshot;
}

Result<void> LmdbIndex::apply(std::span<const Change> changes, const Stamp& from, const Stamp& to) {
  CHECK(!loading_);
  TRY(const auto sorted, sorted_by_key(changes));
  WriteTransaction txn(*this);
  TRY_OK(txn.begin());
  TRY(const Stamp stored, get_stamp(txn.get(), stamp_, data_path(options_.directory)));
  if (stored != from) return Error(IndexErrc::kMoved, "the index stands elsewhere");
  TRY_OK(txn.ok(guarded([&] { return write_sorted(txn.get(), meta_, sorted); })));
  TRY_OK(txn.ok(put_stamp(txn.get(), stamp_, to)));
  return txn.commit();
}

Result<void> LmdbIndex::clear() {
  std::unique_lock lock(environment_mutex_);
  if (snapshots_ == 0) {
    // Nobody looks: new files give the room back to the disk, whatever state the old ones are in.
    close_environment();
    TRY_OK(remove_files());
    TRY_OK(open_environment());
  } else {
    lock.unlock();
    TRY_OK(drop_contents());
  }
  mdb_env_set_flags(environment_, MDB_NOMETASYNC, 1);
  loading_ = true;
  return {};
}

Result<void> LmdbIndex::drop_contents() {
  WriteTransaction txn(*this);
  TRY_OK(txn.begin());
  TRY_OK(txn.ok(put_stamp(txn.get(), stamp_, Stamp{})));
  TRY_OK(txn.ok(guarded([&] { return mdb_drop(txn.get(), meta_, 0); })));
  return txn.commit();
}

Result<void> LmdbIndex::load(std::span<const Change> changes) {
  CHECK(loading_);
  TRY(const auto sorted, sorted_by_key(changes));
  WriteTransaction txn(*this);
  TRY_OK(txn.begin());
  TRY_OK(txn.ok(guarded([&] { return write_sorted(txn.get(), meta_, sorted); })));
  return txn.commit();
}

Result<void> LmdbIndex::finish_load(const Stamp& stamp) {
  CHECK(loading_);
  mdb_env_set_flags(environment_, MDB_NOMETASYNC, 0);
  WriteTransaction txn(*this);
  TRY_OK(txn.begin());
  TRY_OK(txn.ok(put_stamp(txn.get(), stamp_, stamp)));
  TRY_OK(txn.commit());
  loading_ = false;
  return {};
}

std::uint64_t LmdbIndex::disk_bytes() const {
  struct stat file{};
  if (::stat(data_path(options_.directory).c_str(), &file) != 0) return 0;
  return static_cast<std::uint64_t>(file.st_blocks) * 512;
}

}  // namespace cairn::index
