// Runs worlds: sim --seeds 1..300, sim --seed N --verbose, sim --minutes M; with --core those of
// the POSIX core; --twice checks that one seed is one history.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "fsd/base/log.h"
#include "tests/sim/core_daemon.h"
#include "tests/sim/engine_daemon.h"
#include "tests/sim/world.h"

namespace {

using cairn::sim::World;

std::unique_ptr<cairn::sim::Workload> make_workload(std::uint64_t seed, bool core) {
  if (core) return std::make_unique<cairn::sim::CoreWorkload>(seed);
  return std::make_unique<cairn::sim::EngineWorkload>();
}

/// True if all was well.
bool run_seed(std::uint64_t seed, bool core, bool verbose, bool twice) {
  World world(seed, verbose, make_workload(seed, core));
  const auto violations = world.run();
  if (verbose) {
    std::printf("%zu transactions, %llu epochs\n", world.transactions(),
                static_cast<unsigned long long>(world.epochs().value()));
  }
  for (const std::string& sentence : violations) {
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), sentence.c_str());
  }
  bool same = true;
  if (twice) {
    World again(seed, false, make_workload(seed, core));
    (void)again.run();
    same = again.digest() == world.digest();
    if (!same) std::printf("seed %llu: two histories\n", static_cast<unsigned long long>(seed));
  }
  if (violations.empty() && same) return true;
  std::printf("replay: build/dev/bin/sim %s--seed %llu --verbose\n", core ? "--core " : "",
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulates worlds of daemons on one bucket."};
  std::string seeds = "1..100";
  std::uint64_t seed = 0;
  double minutes = 0;
  bool verbose = false;
  bool twice = false;
  bool core = false;
  app.add_flag("--core", core, "with the POSIX core on the engines");
  app.add_option("--seeds", seeds, "A..B, or A.. with --minutes");
  app.add_option("--seed", seed, "only this one");
  app.add_option("--minutes", minutes, "from the first seed on, for so long");
  app.add_flag("--verbose", verbose, "tell the story");
  app.add_flag("--twice", twice, "each seed twice; the histories must be the same");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(verbose ? spdlog::level::info : spdlog::level::off);

  std::uint64_t first = seed;
  std::uint64_t last = seed;
  if (seed == 0) {
    first = std::stoull(seeds);
    const auto dots = seeds.find("..");
    const std::string end = dots == std::string::npos ? seeds : seeds.substr(dots + 2);
    last = end.empty() ? UINT64_MAX : std::stoull(end);
  }
  // tidy-allow(clock): how long a person lets it run is no part of a world
  const auto begun = std::chrono::steady_clock::now();
  const auto in_time = [&] {
    // tidy-allow(clock): the same
    return std::chrono::steady_clock::now() - begun <
           std::chrono::duration<double, std::ratio<60>>(minutes);
  };
  std::uint64_t failed = 0;
  std::uint64_t ran = 0;
  for (std::uint64_t one = first; minutes > 0 ? in_time() : one <= last; ++one, ++ran) {
    if (!run_seed(one, core, verbose, twice)) ++failed;
  }
  std::printf("%llu worlds, %llu bad\n", static_cast<unsigned long long>(ran),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}
