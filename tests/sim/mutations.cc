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
  std::optional<std::string> (*history)();
  /// Otherwise a world that shows it.
  std::uint64_t seed = 0;
};

constexpr Mutation kMutations[] = {
    {Rule::kNextSeq, "NEXT412, NEXTIDX", nullptr, 0},
    {Rule::kSpan, "SPAN", nullptr, 0},
    {Rule::kKeepEpochStart, "KEEPES, KEEPALL", nullptr, 0},
    {Rule::kLiveAfterLook, "VALAFTER", nullptr, 0},
    {Rule::kBelieveAfterLook, "VALREAD", nullptr, 0},
    {Rule::kIndexNotBefore, "LMLS", nullptr, 0},
    {Rule::kIndexInLog, "index of another log", nullptr, 0},
    {Rule::kFollowerLook, "FOLVAL", nullptr, 0},
    {Rule::kIdentity, "IDENT", nullptr, 0},
    {Rule::kOwnEpochStart, "OWNES", nullptr, 0},
    {Rule::kReadBack, "a 412 is read back", nullptr, 0},
    {Rule::kDeleteBelow, "DELBOUND", nullptr, 0},
    {Rule::kDeathBelow, "DEATHDUR", nullptr, 0},
    {Rule::kIndexLate, "IDXLATE", nullptr, 0},
    {Rule::kSweepEarlier, "EPKEY", nullptr, 0},
    {Rule::kNoCleaning, "NOCLEAN", nullptr, 0},
    {Rule::kNoAbandoning, "NOABANDON", nullptr, 0},
    {Rule::kRemoveAfter, "DELAFTERCAS", nullptr, 0},
    {Rule::kNonce, "NONCE", nullptr, 0},
    {Rule::kGeneration, "GEN", nullptr, 0},
    {Rule::kEpochOrder, "EPOCHCHK", nullptr, 0},
    {Rule::kHole, "no start on a hole", nullptr, 0},
    {Rule::kLook, "looks while committing", nullptr, 0},
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

/// Looks for the first seed whose world notices that the rule is out.
std::uint64_t find_seed(Rule rule, std::uint64_t most) {
  for (std::uint64_t seed = 1; seed <= most; ++seed) {
    take_out(rule);
    const bool noticed = world(seed).has_value();
    take_out(std::nullopt);
    if (noticed && !world(seed)) return seed;
  }
  return 0;
}

bool check(const Mutation& mutation) {
  const auto run = [&] { return mutation.history ? mutation.history() : world(mutation.seed); };
  take_out(std::nullopt);
  const auto with = run();
  take_out(mutation.rule);
  const auto without = run();
  take_out(std::nullopt);
  const std::string by = mutation.history ? "history" : "seed " + std::to_string(mutation.seed);
  std::printf("%-24s %-10s %s; without it: %s\n", mutation.name, by.c_str(),
              with ? ("BAD, " + *with).c_str() : "good", without ? without->c_str() : "UNNOTICED");
  std::fflush(stdout);
  return !with && without;
}

}  // namespace
}  // namespace cairn::sim

int main(int argc, char** argv) {
  CLI::App app{"Takes the protocol's rules out, one at a time."};
  std::uint64_t find = 0;
  std::string only;
  app.add_option("--find", find, "looks for worlds that notice, up to this seed");
  app.add_option("--rule", only, "only this one");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::off);
  bool good = true;
  for (const auto& mutation : cairn::sim::kMutations) {
    if (!only.empty() && only != mutation.name) continue;
    if (find != 0) {
      const auto seed = cairn::sim::find_seed(mutation.rule, find);
      std::printf("%-24s seed %llu\n", mutation.name, static_cast<unsigned long long>(seed));
      std::fflush(stdout);
    } else {
      good = cairn::sim::check(mutation) && good;
    }
  }
  return good ? 0 : 1;
}
