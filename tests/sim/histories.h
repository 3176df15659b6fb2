#pragma once

#include <optional>
#include <string>

namespace cairn::sim {

// Histories for rules that worlds drawn at random rarely need, told request by request. Each
// returns what went wrong; nothing while the rules are in force.

}  // namespace cairn::sim
