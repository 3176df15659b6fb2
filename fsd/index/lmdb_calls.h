#pragma once

// Calls of LMDB's, in this folder's own words. For lmdb_*.cc only.

#include <lmdb.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "fsd/index/index.h"

namespace cairn::index {

[[nodiscard]] inline std::string data_path(const std::string& directory) {
  return directory + "/data.mdb";
}

[[nodiscard]] inline MDB_val to_val(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // LMDB does not write to it
}
[[nodiscard]] inline std::string_view to_view(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

/// What the handler of LMDB's assertions throws, to get out of LMDB.
struct AssertionFailed {};

/// Calls LMDB; an assertion of its own that fails on the way is MDB_CORRUPTED.
template <class Call>
int guarded(Call&& call) {
  try {
    return std::forward<Call>(call)();
  } catch (const AssertionFailed&) {
    return MDB_CORRUPTED;
  }
}

/// A field of the database "stamp"; "" if it is not there. `path` names the file for people.
[[nodiscard]] Result<std::string> get_field(MDB_txn* txn, MDB_dbi stamp, const char* name,
                                            const std::string& path);
[[nodiscard]] int put_field(MDB_txn* txn, MDB_dbi stamp, const char* name, std::string_view text);
[[nodiscard]] Result<Stamp> get_stamp(MDB_txn* txn, MDB_dbi dbi, const std::string& path);
[[nodiscard]] int put_stamp(MDB_txn* txn, MDB_dbi dbi, const Stamp& stamp);

/// Puts and deletes what is sorted by key, through one cursor. Keys past the last one in the
/// database are appended as long as they ascend, which fills pages and searches nothing.
[[nodiscard]] int write_sorted(MDB_txn* txn, MDB_dbi dbi, std::span<const Change* const> changes);

/// The index in `directory` cannot be used, and `why`.
[[nodiscard]] Error damaged_index(const std::string& directory, const std::string& why);

}  // namespace cairn::index
