#include "fsd/frontends/ninep/handlers.h"

#include <cerrno>

namespace cairn::p9 {
namespace {

// The session answers these two itself.
Task<Result<void>> handle(Call&, const Tversion&) { co_return errno_error(EOPNOTSUPP); }
Task<Result<void>> handle(Call&, const Tflush&) { co_return errno_error(EOPNOTSUPP); }

template <class... Kinds>
bool is_one_of(const Request& request) {
  return (std::holds_alternative<Kinds>(request) || ...);
}

}  // namespace

Task<Result<void>> handle(Call& call) {
  return std::visit([&call](const auto& request) { return handle(call, request); },
                    *call.request());
}

bool changes_something(Call& call) {
  const Request& request = *call.request();
  if (const auto* open = std::get_if<Tlopen>(&request)) {
    return (open->flags & open_flag::kTruncate) != 0;
  }
  if (const auto* clunk = std::get_if<Tclunk>(&request)) {
    const auto fid = call.fid(clunk->fid);
    return fid && (*fid)->kind() == Fid::Kind::kXattrWrite;
  }
  return is_one_of<Tlcreate, Twrite, Tsetattr, Tsymlink, Tmknod, Tmkdir, Tlink, Trename, Trenameat,
                   Tunlinkat, Tremove>(request);
}

}  // namespace cairn::p9
