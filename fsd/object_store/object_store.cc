#include "fsd/object_store/object_store.h"

#include <cerrno>

namespace cairn::object_store {
namespace {

class StoreCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "object store"; }
  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<StoreErrc>(code)) {
      case StoreErrc::kNotFound:
        return "no such object";
      case StoreErrc::kPreconditionFailed:
        return "the object is not what the condition expects";
      case StoreErrc::kConflict:
        return "a concurrent conditional write was in the way";
      case StoreErrc::kUnavailable:
        return "the store does not answer";
      case StoreErrc::kThrottled:
        return "the store asks to slow down";
      case StoreErrc::kAccessDenied:
        return "access denied";
      case StoreErrc::kBadCredentials:
        return "the store does not accept these credentials";
      case StoreErrc::kClockSkew:
        return "this machine's clock and the store's differ too much";
      case StoreErrc::kBucketMissing:
        return "the bucket does not exist";
      case StoreErrc::kBadRequest:
        return "the store does not understand the request";
      case StoreErrc::kDamaged:
        return "the store sent other bytes than it announced";
      case StoreErrc::kCancelled:
        return "cancelled";
    }
    return "unknown";
  }
  [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
    int number = EIO;
    switch (static_cast<StoreErrc>(code)) {
      case StoreErrc::kNotFound:
        number = ENOENT;
        break;
      case StoreErrc::kPreconditionFailed:
        number = EEXIST;
        break;
      case StoreErrc::kAccessDenied:
      case StoreErrc::kBadCredentials:
        number = EACCES;
        break;
      default:
        break;
    }
    return {number, std::generic_category()};
  }
};

}  // namespace

const std::error_category& store_category() {
  static const StoreCategory category;
  return category;
}
std::error_code make_error_code(StoreErrc code) {
  return {static_cast<int>(code), store_category()};
}
bool is(const Error& error, StoreErrc code) { return error.code == make_error_code(code); }
bool may_retry(const Error& error) {
  return is(error, StoreErrc::kConflict) || is(error, StoreErrc::kUnavailable) ||
         is(error, StoreErrc::kThrottled) || is(error, StoreErrc::kDamaged);
}

}  // namespace cairn::object_store
