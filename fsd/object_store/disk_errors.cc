#include "fsd/object_store/disk_errors.h"

#include <cerrno>
#include <system_error>

#include "fsd/object_store/object_store.h"

namespace cairn::object_store {

Error disk_error(int number, std::string_view doing, std::string_view path) {
  std::string detail(doing);
  detail += ' ';
  detail += path;
  detail += ": " + std::generic_category().message(number);
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      return Error(StoreErrc::kUnavailable, "the disk that holds the store is full",
                   std::move(detail));
    case EACCES:
    case EPERM:
    case EROFS:
      return Error(StoreErrc::kAccessDenied, "the store's directory may not be changed or read",
                   std::move(detail));
    case ENOENT:
    case ENOTDIR:
      return Error(StoreErrc::kBucketMissing, "the store's directory is gone", std::move(detail));
    case ENAMETOOLONG:
    case EFBIG:
    case EXDEV:
    case EISDIR:
      return Error(StoreErrc::kBadRequest, "the filesystem cannot hold this object",
                   std::move(detail));
    default:
      return Error(StoreErrc::kUnavailable, "the disk that holds the store fails",
                   std::move(detail));
  }
}

}  // namespace cairn::object_store
