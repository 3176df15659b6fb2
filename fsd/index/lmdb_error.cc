#include "fsd/index/lmdb_error.h"

#include <lmdb.h>

#include <cerrno>

namespace cairn::index {

Error lmdb_error(int code, const char* what, const std::string& path) {
  std::string detail = path + ": " + mdb_strerror(code);
  switch (code) {
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_PAGE_FULL:    // a page that could not have been filled,
    case MDB_CURSOR_FULL:  // a tree that could not be so deep
    case MDB_PANIC:        // the page that names the newest state could not be written
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_DBI:
    case MDB_BAD_TXN:
    case EIO:
      return {IndexErrc::kDamaged, what, std::move(detail)};
    case MDB_MAP_FULL:
      detail += " (a restart maps more address space)";
      return {IndexErrc::kFull, what, std::move(detail)};
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return {IndexErrc::kFull, what, std::move(detail)};
    default:
      // LMDB's remaining codes are programmer's errors; the rest are errnos.
      const int number = code > 0 ? code : EINVAL;
      return {std::error_code(number, std::generic_category()), what, std::move(detail)};
  }
}

}  // namespace cairn::index
