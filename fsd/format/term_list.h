#pragma once

// Where each term of the volume's writers began: the record under counter_key("terms"). By it a
// client that comes back after a crash learns which of its changes are in the log.

#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/id.h"
#include "fsd/base/result.h"

namespace cairn::format {

/// Kept: the newest. Who comes back from before them is told that nothing is known.
inline constexpr std::size_t kTermsMax = 256;

struct Term {
  Epoch epoch;
  Seq log_end;  // of what earlier epochs wrote, only what lies before it is in the log
  bool operator==(const Term&) const = default;
};

[[nodiscard]] std::string term_list_key();
/// Ascending by epoch, at most kTermsMax.
[[nodiscard]] std::string encode(const std::vector<Term>& terms);
/// Fails with: FormatErrc.
[[nodiscard]] Result<std::vector<Term>> decode_term_list(std::string_view bytes);

}  // namespace cairn::format
