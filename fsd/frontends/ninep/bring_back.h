#pragma once

#include <memory>
#include <unordered_map>

#include "fsd/frontends/ninep/call.h"
#include "fsd/frontends/ninep/claims.h"

namespace cairn::p9 {

/// Makes fids again from what a client was given for them: by inode number, for whoever the user is
/// now. That he may use it was found out when the claim was sealed, as it is with a file that stays
/// open.
/// Lifetime: of one session's return.   Threads: core only.
class FidMaker {
 public:
  explicit FidMaker(SessionState& state) : state_(state) {}
  /// Fails with: ESTALE (there is no such file any more, or the fid was of a kind that does not
  /// come back), EPERM, EROFS.
  Task<Result<FidRef>> make(FidClaim claim);

 private:
  Task<Result<std::shared_ptr<const Identity>>> user(std::uint32_t n_uname);

  SessionState& state_;
  std::unordered_map<std::uint32_t, std::shared_ptr<const Identity>> users_;
};

}  // namespace cairn::p9
