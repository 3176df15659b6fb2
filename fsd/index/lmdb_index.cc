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
#include "fsd/index/lmdb_error.h"
#include "fsd/index/value_checksum.h"

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
// Reading. A snapshot is a read transaction and two cursors that live as long as it does: one for
// find and find_floor, one for scan, whose visitor may look other keys up. A cursor that stays put
// answers for keys of the page that it is in without going down the tree again. Values are views
// into the map. MDB_NOTLS frees snapshots from the thread that made them; MDB_NORDAHEAD keeps a
// random read from pulling in neighbours when the index is larger than memory.
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

std::string data_path(const std::string& directory) { return directory + "/data.mdb"; }
std::string suspect_path(const std::string& directory) { return directory + "/suspect"; }

MDB_val to_val(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // LMDB does not write to it
}
std::string_view to_view(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

Error damaged(const std::string& directory, std::string why) {
  return {IndexErrc::kDamaged, "not an index that can be used",
          data_path(directory) + ": " + std::move(why)};
}

struct AssertionFailed {};

/// Calls LMDB; an assertion of its own that fails on the way is MDB_CORRUPTED.
template <class Call>
int guarded(Call&& call) {
  try {
    return call();
  } catch (const AssertionFailed&) {
    return MDB_CORRUPTED;
  }
}

Result<std::string> get_field(MDB_txn* txn, MDB_dbi stamp, const char* name,
                              const std::string& path) {
  MDB_val key = to_val(name);
  MDB_val value{};
  const int rc = guarded([&] { return mdb_get(txn, stamp, &key, &value); });
  if (rc == MDB_NOTFOUND) return std::string();
  if (rc != MDB_SUCCESS) return lmdb_error(rc, "cannot read the local index", path);
  return std::string(to_view(value));
}

Result<Stamp> get_stamp(MDB_txn* txn, MDB_dbi dbi, const std::string& path) {
  Stamp stamp;
  TRY(stamp.volume, get_field(txn, dbi, "volume", path));
  TRY(stamp.position, get_field(txn, dbi, "position", path));
  return stamp;
}

int put_field(MDB_txn* txn, MDB_dbi stamp, const char* name, std::string_view text) {
  MDB_val key = to_val(name);
  MDB_val value = to_val(text);
  return mdb_put(txn, stamp, &key, &value, 0);
}

int put_stamp(MDB_txn* txn, MDB_dbi dbi, const Stamp& stamp) {
  return guarded([&] {
    const int rc = put_field(txn, dbi, "volume", stamp.volume);
    return rc != MDB_SUCCESS ? rc : put_field(txn, dbi, "position", stamp.position);
  });
}

/// Puts and deletes what is sorted by key, through one cursor. Keys past the last one in the
/// database are appended as long as they ascend, which fills pages and searches nothing.
int write_sorted(MDB_txn* txn, MDB_dbi dbi, std::span<const Change* const> changes) {
  MDB_cursor* cursor = nullptr;
  int rc = mdb_cursor_open(txn, dbi, &cursor);
  if (rc != MDB_SUCCESS) return rc;
  MDB_val key{};
  MDB_val value{};
  rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
  std::string last(rc == MDB_SUCCESS ? to_view(key) : std::string_view{});
  if (rc == MDB_NOTFOUND) rc = MDB_SUCCESS;
  for (auto change = changes.begin(); change != changes.end() && rc == MDB_SUCCESS; ++change) {
    key = to_val((*change)->key);
    if ((*change)->value) {
      const bool past_the_end = (*change)->key > last;
      value = {(*change)->value->size() + kChecksumBytes, nullptr};
      const unsigned append = past_the_end ? MDB_APPEND : 0;
      rc = mdb_cursor_put(cursor, &key, &value, MDB_RESERVE | append);
      if (rc != MDB_SUCCESS) break;
      store_checked((*change)->key, *(*change)->value, static_cast<char*>(value.mv_data));
      if (past_the_end) last.assign((*change)->key);
    } else {
      rc = mdb_cursor_get(cursor, &key, &value, MDB_SET);
      if (rc == MDB_SUCCESS) rc = mdb_cursor_del(cursor, 0);
      if (rc == MDB_NOTFOUND) rc = MDB_SUCCESS;
    }
  }
  mdb_cursor_close(cursor);
  return rc;
}

/// The file must be as long as the newest meta page says; LMDB would find out by SIGBUS.
Result<void> check_length(MDB_env* environment, const std::string& directory) {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(environment, &info);
  mdb_env_stat(environment, &stat);
  int fd = -1;
  mdb_env_get_fd(environment, &fd);
  struct stat file{};
  if (::fstat(fd, &file) != 0) return errno_error(errno, "cannot stat the local index");
  if (info.me_last_pgno >= static_cast<std::uint64_t>(file.st_size) / stat.ms_psize &&
      file.st_size > 0) {
    return damaged(directory, "it is shorter than it says");
  }
  return {};
}

Result<int> lock_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error({errno, std::generic_category()}, "cannot make the cache directory", directory);
  }
  const std::string path = directory + "/lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Error({errno, std::generic_category()}, "cannot open", path);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int number = errno;
  ::close(fd);
  if (number == EWOULDBLOCK) {
    return Error(IndexErrc::kLocked,
                 "another daemon uses this cache directory: give each one a --name of its own",
                 directory);
  }
  return Error({number, std::generic_category()}, "cannot lock", path);
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
    if (index_.environment_ == nullptr) return damaged(directory, "it could not be made anew");
    if (index_.suspect_) return damaged(directory, "it was found damaged");
    return ok(mdb_txn_begin(index_.environment_, nullptr, 0, &txn_));
  }
  Result<void> commit() {
    return ok(guarded([&] { return mdb_txn_commit(std::exchange(txn_, nullptr)); }));
  }
  /// An error if `rc` is one. LMDB calls a write that was cut short, as a disk that runs full cuts
  /// it, EIO: in a transaction that is what it means to us, and a disk that fails is no better.
  Result<void> ok(int rc) const {
    if (rc == MDB_SUCCESS) return {};
    return lmdb_error(rc == EIO ? ENOSPC : rc, "cannot write the local index",
                      data_path(index_.options_.directory));
  }
  [[nodiscard]] MDB_txn* get() const { return txn_; }

 private:
  LmdbIndex& index_;
  MDB_txn* txn_ = nullptr;
};

class LmdbIndex::LmdbSnapshot final : public Snapshot {
 public:
  explicit LmdbSnapshot(LmdbIndex& index) : index_(index) { ++index_.snapshots_; }
  LmdbSnapshot(const LmdbSnapshot&) = delete;
  LmdbSnapshot& operator=(const LmdbSnapshot&) = delete;
  ~LmdbSnapshot() override {
    // Cursors of read transactions are ours to close, before or after the transaction.
    if (point_ != nullptr) mdb_cursor_close(point_);
    if (range_ != nullptr) mdb_cursor_close(range_);
    if (txn_ != nullptr) mdb_txn_abort(txn_);
    --index_.snapshots_;
  }

  Result<void> begin() {
    TRY_OK(ok(mdb_txn_begin(index_.environment_, nullptr, MDB_RDONLY, &txn_)));
    TRY_OK(ok(mdb_cursor_open(txn_, index_.meta_, &point_)));
    TRY_OK(ok(mdb_cursor_open(txn_, index_.meta_, &range_)));
    return load_stamp();
  }

  Result<void> renew() override {
    const std::size_t before = mdb_txn_id(txn_);
    mdb_txn_reset(txn_);  // keeps the slot in the table of readers, so that renewing takes no lock
    TRY_OK(ok(mdb_txn_renew(txn_)));
    TRY_OK(ok(mdb_cursor_renew(txn_, point_)));
    TRY_OK(ok(mdb_cursor_renew(txn_, range_)));
    if (mdb_txn_id(txn_) == before) return {};
    return load_stamp();
  }

  Result<std::optional<std::string_view>> find(std::string_view key) override {
    if (key.empty() || key.size() > kKeyBytesMax) return std::nullopt;
    MDB_val wanted = to_val(key);
    MDB_val value{};
    const int rc = get(point_, wanted, value, MDB_SET);
    if (rc == MDB_SUCCESS) [[likely]]
      return checked(key, value);
    if (rc == MDB_NOTFOUND) return std::nullopt;
    return failed(rc);
  }

  Result<void> scan(std::string_view first, std::string_view end, const Visitor& visit) override {
    if (!scanning_) {
      scanning_ = true;
      auto result = scan_with(range_, first, end, visit);
      scanning_ = false;
      return result;
    }
    // A scan from within a scan's visitor: rare, and pays for a cursor of its own.
    MDB_cursor* inner = nullptr;
    TRY_OK(ok(mdb_cursor_open(txn_, index_.meta_, &inner)));
    auto result = scan_with(inner, first, end, visit);
    mdb_cursor_close(inner);
    return result;
  }

  Result<std::optional<std::pair<std::string_view, std::string_view>>> find_floor(
      std::string_view first, std::string_view key) override {
    MDB_val at = to_val(key);
    MDB_val value{};
    int rc = seek(point_, at, value);
    if (rc == MDB_NOTFOUND) {
      rc = get(point_, at, value, MDB_LAST);
    } else if (rc == MDB_SUCCESS && to_view(at) != key) {
      rc = get(point_, at, value, MDB_PREV);
    }
    if (rc == MDB_NOTFOUND) return std::nullopt;
    if (rc != MDB_SUCCESS) return failed(rc);
    if (to_view(at) < first || to_view(at) > key) return std::nullopt;
    TRY(const std::string_view bytes, checked(to_view(at), value));
    return std::pair(to_view(at), bytes);
  }

  [[nodiscard]] const Stamp& stamp() const override { return stamp_content_; }

 private:
  static int get(MDB_cursor* cursor, MDB_val& key, MDB_val& value, MDB_cursor_op operation) {
    return guarded([&] { return mdb_cursor_get(cursor, &key, &value, operation); });
  }
  /// To the first key that is not less than `at`.
  static int seek(MDB_cursor* cursor, MDB_val& at, MDB_val& value) {
    return get(cursor, at, value, at.mv_size == 0 ? MDB_FIRST : MDB_SET_RANGE);
  }

  Result<void> scan_with(MDB_cursor* cursor, std::string_view first, std::string_view end,
                         const Visitor& visit) {
    MDB_val key = to_val(first);
    MDB_val value{};
    int rc = seek(cursor, key, value);
    while (rc == MDB_SUCCESS) {
      if (!end.empty() && to_view(key) >= end) return {};
      TRY(const std::string_view bytes, checked(to_view(key), value));
      if (!visit(to_view(key), bytes)) return {};
      rc = get(cursor, key, value, MDB_NEXT);
    }
    if (rc == MDB_NOTFOUND) return {};
    return failed(rc);
  }

  Result<std::string_view> checked(std::string_view key, const MDB_val& stored) const {
    const auto value = find_checked(key, to_view(stored));
    if (value) [[likely]]
      return *value;
    index_.set_suspect("a value does not match its checksum");
    return damaged(index_.options_.directory, "a value does not match its checksum");
  }

  Result<void> load_stamp() {
    TRY(stamp_content_, get_stamp(txn_, index_.stamp_, data_path(index_.options_.directory)));
    return {};
  }

  [[nodiscard]] Error failed(int rc) const {
    return lmdb_error(rc, "cannot read the local index", data_path(index_.options_.directory));
  }
  [[nodiscard]] Result<void> ok(int rc) const {
    if (rc == MDB_SUCCESS) return {};
    return failed(rc);
  }

  LmdbIndex& index_;
  MDB_txn* txn_ = nullptr;
  MDB_cursor* point_ = nullptr;
  MDB_cursor* range_ = nullptr;
  bool scanning_ = false;
  Stamp stamp_content_;
};

LmdbIndex::LmdbIndex(Options options, int lock_fd)
    : options_(std::move(options)), lock_fd_(lock_fd) {}

LmdbIndex::~LmdbIndex() {
  CHECK(snapshots_ == 0);
  close_environment();
  ::close(lock_fd_);
}

Result<std::unique_ptr<LmdbIndex>> LmdbIndex::open(Options options) {
  TRY(const int lock_fd, lock_directory(options.directory));
  std::unique_ptr<LmdbIndex> index(new LmdbIndex(std::move(options), lock_fd));
  TRY_OK(index->open_environment());
  return index;
}

Result<LmdbIndex::Opened> LmdbIndex::open_or_recreate(Options options) {
  TRY(const int lock_fd, lock_directory(options.directory));
  std::unique_ptr<LmdbIndex> index(new LmdbIndex(std::move(options), lock_fd));
  auto opened = index->open_environment();
  if (opened) return Opened{.index = std::move(index), .thrown_away = {}};
  if (!is(opened.error(), IndexErrc::kDamaged)) return std::move(opened).error();
  log::warn("the local index is thrown away and will be rebuilt: {}", opened.error().message());
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
  const int fd = ::open(suspect_path(options_.directory).c_str(),
                        O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
}

Result<void> LmdbIndex::open_environment() {
  const std::string path = data_path(options_.directory);
  if (::access(suspect_path(options_.directory).c_str(), F_OK) == 0) {
    return damaged(options_.directory, "the last daemon found it so");
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
    if (rc == MDB_NOTFOUND) return damaged(options_.directory, "it is somebody else's database");
    TRY_OK(txn.ok(rc));
  }
  if (fresh) {
    TRY_OK(txn.ok(put_field(txn.get(), stamp_, "version", kVersion)));
    return txn.commit();
  }
  TRY(const auto version, get_field(txn.get(), stamp_, "version", data_path(options_.directory)));
  if (version != kVersion) {
    return damaged(options_.directory, "its version is \"" + version + "\"");
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
    return Error({errno, std::generic_category()}, "cannot remove", path);
  }
  return {};
}

Result<std::unique_ptr<Snapshot>> LmdbIndex::snapshot() {
  std::shared_lock lock(environment_mutex_);
  if (environment_ == nullptr) return damaged(options_.directory, "it could not be made anew");
  auto snapshot = std::make_unique<LmdbSnapshot>(*this);
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
