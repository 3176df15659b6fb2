#include "fsd/base/result.h"

#include <cerrno>

namespace cairn {

std::string Error::message() const {
  std::string text = *what != '\0' ? what : code.message();
  if (detail && !detail->empty()) {
    text += ": ";
    text += *detail;
  }
  return text;
}

Error errno_error(int number, const char* what) {
  return Error(std::error_code(number, std::generic_category()), what);
}

Error system_error(int number, const char* what, const std::string& subject) {
  const std::error_code code(number, std::generic_category());
  return Error(code, what, subject + " (" + code.message() + ")");
}

int to_errno(const Error& error) {
  const std::error_condition condition = error.code.default_error_condition();
  if (condition.category() == std::generic_category() && condition.value() != 0) {
    return condition.value();
  }
  return EIO;
}

}  // namespace cairn
