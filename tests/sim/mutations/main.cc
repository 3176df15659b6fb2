// Tells each rule's history twice: with all rules it must be good, without that one it must not.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "fsd/base/log.h"
#include "tests/sim/mutations/histories.h"

namespace {

using cairn::sim::RuleHistory;

bool check(const RuleHistory& history, const std::string& only) {
  if (!only.empty() && only != history.name) return true;
  cairn::engine::rules_taken_out = 0;
  const auto with = history.tell();
  if (!history.rule) {
    std::printf("%-16s %-38s %s\n", history.name, history.what,
                with ? ("BAD, " + *with).c_str() : "good");
    return !with;
  }
  cairn::engine::rules_taken_out = std::uint64_t{1} << static_cast<unsigned>(*history.rule);
  const auto without = history.tell();
  cairn::engine::rules_taken_out = 0;
  std::printf("%-16s %-38s %s; without it: %s\n", history.name, history.what,
              with ? ("BAD, " + *with).c_str() : "good", without ? without->c_str() : "UNNOTICED");
  std::fflush(stdout);
  return !with && without;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Tells the history in which each rule of the protocol is needed."};
  std::string only;
  bool verbose = false;
  app.add_option("--rule", only, "only this one, by its name in the table");
  app.add_flag("--verbose", verbose, "what the daemons log");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(verbose ? spdlog::level::info : spdlog::level::off);
  bool good = true;
  using namespace cairn::sim;
  for (const auto& group : {take_over_histories(), commit_histories(), checkpoint_histories()}) {
    for (const RuleHistory& history : group) good = check(history, only) && good;
  }
  return good ? 0 : 1;
}
