#pragma once

#include "fsd/frontends/ninep/call.h"
#include "fsd/frontends/ninep/claims.h"

namespace cairn::p9 {

/// What a request finds before it is handled: the fids it names, and what it may change. Of
/// requests that change nothing, empty.
struct Before {
  bool changes = false;
  RedoClaim claim;
  std::uint64_t change_before = 0;  // of the file, if it changes one
  Ino file{};
  std::uint64_t made_in = 0;  // the index of the expectation whose name it makes, plus one
};
[[nodiscard]] Before look_before(Call& call);

/// After the request has been handled, in the same transaction: all that is needed to do it again.
/// None: it has changed nothing.
[[nodiscard]] std::optional<RedoClaim> look_after(Call& call, Before before);

/// Whether what a change found is there again.
/// Fails with: ESTALE, if somebody else has changed it since.
[[nodiscard]] Result<void> check_expectations(vfs::Vfs& vfs, const RedoClaim& claim);

}  // namespace cairn::p9
