#pragma once

#include <optional>
#include <span>
#include <string>

#include "fsd/engine/protocol_rules.h"

namespace cairn::sim {

/// A rule, and a history in which it is needed, told request by request. The history returns what
/// is wrong with it.
struct RuleHistory {
  std::optional<engine::Rule> rule;  // none: there is no switch, it just has to be good
  const char* name;  // the history's, and with it the rule's: as ../README.md has it
  const char* what;
  std::optional<std::string> (*tell)();
};

[[nodiscard]] std::span<const RuleHistory> take_over_histories();
[[nodiscard]] std::span<const RuleHistory> commit_histories();
[[nodiscard]] std::span<const RuleHistory> checkpoint_histories();

}  // namespace cairn::sim
