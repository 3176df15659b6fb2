#pragma once

#include <memory>
#include <unordered_map>

#include "fsd/frontends/ninep/call.h"
#include "fsd/frontends/ninep/claims.h"

namespace cairn::p9 {

/// Makes fids again from what a client was given for them: by inode number, for whoever the user is
/// now.
/// Lifetime: of one session's return.   Threads: core only.
class FidMaker {
 public:
  enum class Rights : std::uint8_t {
    /// That he may use it was found out when the claim was sealed, as it is with a file that stays
    /// open.
    kAsTheyWere,
    /// What was open is opened anew, unless the file is his own: a claim is good for ever.
    kNow,
  };
  FidMaker(SessionState& state, Rights rights) : state_(state), rights_(rights) {}
  /// Fails with: ESTALE (there is no such file any more, or the fid was of a kind that does not
  /// come back), EPERM, EACCES, EROFS.
  Task<Result<FidRef>> make(FidClaim claim);

 private:
  Task<Result<std::shared_ptr<const Identity>>> user(std::uint32_t n_uname);

  SessionState& state_;
  const Rights rights_;
  std::unordered_map<std::uint32_t, std::shared_ptr<const Identity>> users_;
};

}  // namespace cairn::p9
