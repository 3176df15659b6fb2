#include "fsd/frontends/ninep/handlers.h"

#include <cerrno>

namespace cairn::p9 {
namespace {

// The session answers these two itself.
Task<Result<void>> handle(Call&, const Tversion&) { co_return errno_error(EOPNOTSUPP); }
Task<Result<void>> handle(Call&, const Tflush&) { co_return errno_error(EOPNOTSUPP); }

}  // namespace

Task<Result<void>> handle(Call& call) {
  return std::visit([&call](const auto& request) { return handle(call, request); },
                    *call.request());
}

}  // namespace cairn::p9
