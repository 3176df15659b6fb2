#include "fsd/index/index.h"

#include <cerrno>

namespace cairn::index {
namespace {

class IndexCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "index"; }
  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<IndexErrc>(code)) {
      case IndexErrc::kDamaged:
        return "the local index is damaged";
      case IndexErrc::kFull:
        return "no room for the local index";
      case IndexErrc::kMoved:
        return "the local index stands at another position";
      case IndexErrc::kLocked:
        return "another process uses this cache directory";
    }
    return "unknown";
  }
  [[nodiscard]] std::error_condition default_error_condition(int) const noexcept override {
    return {EIO, std::generic_category()};  // the filesystem is never full because a cache is
  }
};

}  // namespace

const std::error_category& index_category() {
  static const IndexCategory category;
  return category;
}
std::error_code make_error_code(IndexErrc code) {
  return {static_cast<int>(code), index_category()};
}
bool is(const Error& error, IndexErrc code) { return error.code == make_error_code(code); }

}  // namespace cairn::index
