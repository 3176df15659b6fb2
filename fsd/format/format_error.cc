#include "fsd/format/format_error.h"

#include <string>

namespace cairn::format {
namespace {

class FormatCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "format"; }
  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<FormatErrc>(code)) {
      case FormatErrc::kDamaged:
        return "stored bytes are damaged";
      case FormatErrc::kNewer:
        return "written by a newer version of Cairn";
      case FormatErrc::kWrongPassword:
        return "the password is wrong";
      case FormatErrc::kPasswordMissing:
        return "the volume is encrypted, and no password was given";
      case FormatErrc::kNotEncrypted:
        return "the volume is not encrypted, but a password was given";
    }
    return "unknown error";
  }
  [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
    switch (static_cast<FormatErrc>(code)) {
      case FormatErrc::kWrongPassword:
      case FormatErrc::kPasswordMissing:
        return std::errc::permission_denied;
      default:
        return std::errc::io_error;
    }
  }
};

}  // namespace

const std::error_category& format_category() {
  static const FormatCategory category;
  return category;
}

std::error_code make_error_code(FormatErrc code) {
  return {static_cast<int>(code), format_category()};
}

bool is(const Error& error, FormatErrc code) { return error.code == make_error_code(code); }

}  // namespace cairn::format
