#include "fsd/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace cairn {

void check_failed(const char* condition, std::source_location where) {
  std::fprintf(stderr, "cairn: CHECK failed: %s (%s:%u, %s)\n", condition, where.file_name(),
               static_cast<unsigned>(where.line()), where.function_name());
  std::fflush(stderr);
  std::abort();
}

}  // namespace cairn
