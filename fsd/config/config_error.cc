#include "fsd/config/config_error.h"

#include <cerrno>
#include <utility>

namespace cairn::config {

Error config_error(std::string sentence) {
  return Error(std::error_code(EINVAL, std::generic_category()), "the configuration is not usable",
               std::move(sentence));
}

}  // namespace cairn::config
