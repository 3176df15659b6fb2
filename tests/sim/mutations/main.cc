// Takes one rule of the protocol out of the engine at a time, and looks whether its history
// notices, and, for most, some world drawn at random. A rule that can go unnoticed is guarded by
// nothing.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fsd/base/log.h"
#include "tests/sim/engine_daemon.h"
#include "tests/sim/mutations/histories.h"
#include "tests/sim/world.h"

namespace cairn::sim {
namespace {

using engine::Rule;
using Wrong = std::optional<std::string>;

/// Those that the first kWorlds worlds notice, too.
constexpr Rule kSeenByWorlds[] = {
    Rule::kNextSeq,     Rule::kSpan,           Rule::kKeepEpochStart, Rule::kBelieveAfterLook,
    Rule::kIdentity,    Rule::kIndexNotBefore, Rule::kOwnEpochStart,  Rule::kReadBack,
    Rule::kDeleteBelow, Rule::kDeathBelow,     Rule::kSweepEarlier,   Rule::kNoCleaning,
    Rule::kRemoveAfter, Rule::kNonce,
};
constexpr std::uint64_t kWorlds = 600;

void take_out(std::optional<Rule> rule) {
  engine::rules_taken_out = rule ? std::uint64_t{1} << static_cast<unsigned>(*rule) : 0;
}

/// What is wrong with all rules, and without this one.
struct Outcome {
  Wrong with;
  Wrong without;
};

bool report(const char* name, const std::string& what, const Outcome& outcome) {
  std::printf("%-22s %-38s %s; without it: %s\n", name, what.c_str(),
              outcome.with ? ("BAD, " + *outcome.with).c_str() : "good",
              outcome.without ? outcome.without->c_str() : "UNNOTICED");
  std::fflush(stdout);
  return !outcome.with && outcome.without;
}

bool check_history(const RuleHistory& history) {
  Outcome outcome;
  take_out(std::nullopt);
  outcome.with = history.tell();
  if (!history.rule) {
    std::printf("%-22s %-38s %s\n", history.name, history.what,
                outcome.with ? ("BAD, " + *outcome.with).c_str() : "good");
    return !outcome.with;
  }
  take_out(history.rule);
  outcome.without = history.tell();
  take_out(std::nullopt);
  return report(history.name, history.what, outcome);
}

Wrong run_world(std::uint64_t seed) {
  World world(seed, false, std::make_unique<EngineWorkload>());
  const auto violations = world.run();
  return violations.empty() ? std::nullopt : Wrong(violations.front());
}

bool check_worlds(const RuleHistory& history) {
  for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) {
    take_out(history.rule);
    Outcome outcome{.without = run_world(seed)};
    take_out(std::nullopt);
    if (!outcome.without) continue;
    outcome.with = run_world(seed);
    return report(history.name, "the world of seed " + std::to_string(seed), outcome);
  }
  return report(history.name, "worlds", {});
}

bool check(const RuleHistory& history) {
  bool good = check_history(history);
  if (history.rule && std::ranges::find(kSeenByWorlds, *history.rule) != std::end(kSeenByWorlds)) {
    good = check_worlds(history) && good;
  }
  return good;
}

std::vector<RuleHistory> all_histories() {
  std::vector<RuleHistory> all;
  for (const auto& group : {take_over_histories(), commit_histories(), checkpoint_histories()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

int say_unknown(const std::string& name) {
  std::fprintf(stderr, "sim_mutations: no history is called \"%s\"; there are", name.c_str());
  const char* comma = " ";
  for (const RuleHistory& history : all_histories()) {
    std::fprintf(stderr, "%s%s", std::exchange(comma, ", "), history.name);
  }
  std::fprintf(stderr, "\n");
  return 2;
}

}  // namespace
}  // namespace cairn::sim

int main(int argc, char** argv) {
  CLI::App app{"Takes the protocol's rules out, one at a time."};
  std::string only;
  bool verbose = false;
  app.add_option("--rule", only, "only this one, by its history's name");
  app.add_flag("--verbose", verbose, "what the daemons log");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(verbose ? spdlog::level::info : spdlog::level::off);
  bool good = true;
  bool found = false;
  for (const auto& history : cairn::sim::all_histories()) {
    if (!only.empty() && only != history.name) continue;
    found = true;
    good = cairn::sim::check(history) && good;
  }
  if (!found) return cairn::sim::say_unknown(only);
  return good ? 0 : 1;
}
