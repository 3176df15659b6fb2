// Takes one rule of the protocol out of the engine at a time and looks whether the worlds, or a
// directed history, notice. A rule that can go unnoticed is guarded by nothing.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "fsd/base/log.h"
#include "fsd/engine/protocol_rules.h"
#include "tests/sim/histories.h"
#include "tests/sim/world.h"

namespace cairn::sim {
namespace {

using engine::Rule;

struct Mutation {
  Rule rule;
  const char* name;
  /// A directed history: the violation it shows, or nothing.
  /// Without one: some world within the first kWorlds seeds.
  Wrong (*history)();
};

constexpr std::uint64_t kWorlds = 600;

constexpr Mutation kMutations[] = {
    {Rule::kNextSeq, "NEXT412, NEXTIDX", nullptr},
    {Rule::kSpan, "SPAN", nullptr},
    {Rule::kKeepEpochStart, "KEEPES, KEEPALL", nullptr},
    {Rule::kLiveAfterLook, "VALAFTER", late_epoch_start},
    {Rule::kBelieveAfterLook, "VALREAD", nullptr},
    {Rule::kIndexNotBefore, "LMLS", nullptr},
    {Rule::kIndexInLog, "index of another log", index_ahead_of_bucket},
    {Rule::kFollowerLook, "FOLVAL", follower_overtaken},
    {Rule::kIdentity, "IDENT", nullptr},
    {Rule::kOwnEpochStart, "OWNES", nullptr},
    {Rule::kReadBack, "a 412 is read back", nullptr},
    {Rule::kDeleteBelow, "DELBOUND", nullptr},
    {Rule::kDeathBelow, "DEATHDUR", nullptr},
    {Rule::kIndexLate, "IDXLATE", late_epoch_start_in_index},
    {Rule::kSweepEarlier, "EPKEY", nullptr},
    {Rule::kNoCleaning, "NOCLEAN", nullptr},
    {Rule::kNoAbandoning, "NOABANDON", unknown_manifest},
    {Rule::kRemoveAfter, "DELAFTERCAS", nullptr},
    {Rule::kNonce, "NONCE", nullptr},
    {Rule::kEpochOrder, "EPOCHCHK", foreign_epoch},
    {Rule::kHole, "no start on a hole", hole_in_log},
    {Rule::kLook, "looks while committing", stuck_successor},
};

std::optional<std::string> world(std::uint64_t seed) {
  World world(seed, false);
  const auto violations = world.run();
  if (violations.empty()) return std::nullopt;
  return violations.front();
}

void take_out(std::optional<Rule> rule) {
  engine::rules_taken_out = rule ? std::uint64_t{1} << static_cast<unsigned>(*rule) : 0;
}

/// Runs with all rules, then without this one; true if that makes the difference.
template <class Run>
bool check(const Mutation& mutation, const std::string& by, bool silent, Run run) {
  take_out(mutation.rule);
  const auto without = run();
  take_out(std::nullopt);
  if (!without && silent) return false;
  const auto with = run();
  std::printf("%-24s %-10s %s; without it: %s\n", mutation.name, by.c_str(),
              with ? ("BAD, " + *with).c_str() : "good", without ? without->c_str() : "UNNOTICED");
  std::fflush(stdout);
  return !with && without;
}

bool check(const Mutation& mutation) {
  if (mutation.history) return check(mutation, "history", false, mutation.history);
  for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) {
    const std::string by = "seed " + std::to_string(seed);
    if (check(mutation, by, true, [seed] { return world(seed); })) return true;
  }
  std::printf("%-24s UNNOTICED in %llu worlds\n", mutation.name,
              static_cast<unsigned long long>(kWorlds));
  return false;
}

}  // namespace
}  // namespace cairn::sim

int main(int argc, char** argv) {
  CLI::App app{"Takes the protocol's rules out, one at a time."};
  std::string only;
  app.add_option("--rule", only, "only this one");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::off);
  bool good = true;
  for (const auto& mutation : cairn::sim::kMutations) {
    if (!only.empty() && only != mutation.name) continue;
    good = cairn::sim::check(mutation) && good;
  }
  return good ? 0 : 1;
}
