#include "fsd/index/lmdb_calls.h"

#include "fsd/index/lmdb_error.h"
#include "fsd/index/value_checksum.h"

namespace cairn::index {

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

Error damaged_index(const std::string& directory, const std::string& why) {
  return {IndexErrc::kDamaged, "not an index that can be used", data_path(directory) + ": " + why};
}

}  // namespace cairn::index
