#include "fsd/index/lmdb_snapshot.h"

#include "fsd/index/lmdb_calls.h"
#include "fsd/index/lmdb_error.h"
#include "fsd/index/value_checksum.h"

namespace cairn::index {
namespace {

int get(MDB_cursor* cursor, MDB_val& key, MDB_val& value, MDB_cursor_op operation) {
  return guarded([&] { return mdb_cursor_get(cursor, &key, &value, operation); });
}
/// To the first key that is not less than `at`.
int seek(MDB_cursor* cursor, MDB_val& at, MDB_val& value) {
  return get(cursor, at, value, at.mv_size == 0 ? MDB_FIRST : MDB_SET_RANGE);
}

}  // namespace

LmdbSnapshot::~LmdbSnapshot() {
  // Cursors of read transactions are ours to close, before or after the transaction.
  if (point_ != nullptr) mdb_cursor_close(point_);
  if (range_ != nullptr) mdb_cursor_close(range_);
  if (txn_ != nullptr) mdb_txn_abort(txn_);
  --source_.count;
}

Result<void> LmdbSnapshot::begin() {
  TRY_OK(ok(mdb_txn_begin(source_.environment, nullptr, MDB_RDONLY, &txn_)));
  TRY_OK(ok(mdb_cursor_open(txn_, source_.meta, &point_)));
  TRY_OK(ok(mdb_cursor_open(txn_, source_.meta, &range_)));
  return load_stamp();
}

Result<void> LmdbSnapshot::renew() {
  const std::size_t before = mdb_txn_id(txn_);
  mdb_txn_reset(txn_);  // keeps the slot in the table of readers, so that renewing takes no lock
  TRY_OK(ok(mdb_txn_renew(txn_)));
  TRY_OK(ok(mdb_cursor_renew(txn_, point_)));
  TRY_OK(ok(mdb_cursor_renew(txn_, range_)));
  if (mdb_txn_id(txn_) == before) return {};
  return load_stamp();
}

Result<std::optional<std::string_view>> LmdbSnapshot::find(std::string_view key) {
  if (key.empty() || key.size() > kKeyBytesMax) return std::nullopt;
  MDB_val wanted = to_val(key);
  MDB_val value{};
  const int rc = get(point_, wanted, value, MDB_SET);
  if (rc == MDB_SUCCESS) [[likely]]
    return checked(key, value);
  if (rc == MDB_NOTFOUND) return std::nullopt;
  return failed(rc);
}

Result<void> LmdbSnapshot::scan(std::string_view first, std::string_view end,
                                const Visitor& visit) {
  if (!scanning_) {
    scanning_ = true;
    auto result = scan_with(range_, first, end, visit);
    scanning_ = false;
    return result;
  }
  // A scan from within a scan's visitor: rare, and pays for a cursor of its own.
  MDB_cursor* inner = nullptr;
  TRY_OK(ok(mdb_cursor_open(txn_, source_.meta, &inner)));
  auto result = scan_with(inner, first, end, visit);
  mdb_cursor_close(inner);
  return result;
}

Result<std::optional<std::pair<std::string_view, std::string_view>>> LmdbSnapshot::find_floor(
    std::string_view first, std::string_view key) {
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

Result<void> LmdbSnapshot::scan_with(MDB_cursor* cursor, std::string_view first,
                                     std::string_view end, const Visitor& visit) {
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

Result<std::string_view> LmdbSnapshot::checked(std::string_view key, const MDB_val& stored) const {
  const auto value = find_checked(key, to_view(stored));
  if (value) [[likely]]
    return *value;
  source_.on_damage("a value does not match its checksum");
  return damaged_index(source_.directory, "a value does not match its checksum");
}

Result<void> LmdbSnapshot::load_stamp() {
  TRY(stamp_, get_stamp(txn_, source_.stamp, data_path(source_.directory)));
  return {};
}

Error LmdbSnapshot::failed(int rc) const {
  return lmdb_error(rc, "cannot read the local index", data_path(source_.directory));
}

Result<void> LmdbSnapshot::ok(int rc) const {
  if (rc == MDB_SUCCESS) return {};
  return failed(rc);
}

}  // namespace cairn::index
