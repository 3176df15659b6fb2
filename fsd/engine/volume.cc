#include "fsd/engine/volume.h"

#include <cerrno>

namespace cairn::engine {
namespace {

class EngineCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "engine"; }
  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<EngineErrc>(code)) {
      case EngineErrc::kFenced:
        return "another daemon has taken this volume over";
      case EngineErrc::kReadOnly:
        return "the volume is open for reading only";
      case EngineErrc::kDamaged:
        return "stored bytes are damaged";
      case EngineErrc::kStopped:
        return "the volume is closed";
      case EngineErrc::kUnavailable:
        return "the object store does not answer";
      case EngineErrc::kNewerFormat:
        return "the volume was written by a newer version of Cairn";
      case EngineErrc::kNotAVolume:
        return "there is no Cairn volume at this place";
      case EngineErrc::kWrongPassword:
        return "the password does not open this volume";
      case EngineErrc::kLost:
        return "an object of the log is missing";
    }
    return "unknown";
  }
  [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
    const int number = static_cast<EngineErrc>(code) == EngineErrc::kReadOnly ? EROFS : EIO;
    return {number, std::generic_category()};
  }
};

}  // namespace

const std::error_category& engine_category() {
  static const EngineCategory category;
  return category;
}
std::error_code make_error_code(EngineErrc code) {
  return {static_cast<int>(code), engine_category()};
}
bool is(const Error& error, EngineErrc code) { return error.code == make_error_code(code); }

}  // namespace cairn::engine
