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
#include "tests/sim/seed_range.h"
#include "tests/sim/world.h"

namespace {

using cairn::Result;
using cairn::sim::SeedRange;
using cairn::sim::World;

constexpr int kUsage = 2;

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

struct Options {
  std::string seeds = "1..100";
  std::string seed;
  double minutes = 0;
  bool verbose = false;
  bool twice = false;
  bool core = false;
};

void describe(CLI::App& app, Options& options) {
  app.add_flag("--core", options.core, "with the POSIX core on the engines");
  auto* range = app.add_option("--seeds", options.seeds, "A..B, or A.. with --minutes");
  app.add_option("--seed", options.seed, "only this one")->excludes(range);
  app.add_option("--minutes", options.minutes, "from the first seed on, for so long")
      ->check(CLI::PositiveNumber);
  app.add_flag("--verbose", options.verbose, "tell the story");
  app.add_flag("--twice", options.twice, "each seed twice; the histories must be the same");
}

/// 0 if all worlds were well, 1 if not.
int run(const Options& options, SeedRange seeds) {
  spdlog::set_level(options.verbose ? spdlog::level::info : spdlog::level::off);
  // tidy-allow(clock): how long a person lets it run is no part of a world
  const auto begun = std::chrono::steady_clock::now();
  const auto in_time = [&] {
    if (options.minutes <= 0) return true;
    // tidy-allow(clock): the same
    return std::chrono::steady_clock::now() - begun <
           std::chrono::duration<double, std::ratio<60>>(options.minutes);
  };
  std::uint64_t failed = 0;
  std::uint64_t ran = 0;
  for (std::uint64_t seed = seeds.first; seed <= seeds.last && in_time(); ++seed, ++ran) {
    if (!run_seed(seed, options.core, options.verbose, options.twice)) ++failed;
  }
  std::printf("%llu worlds, %llu bad\n", static_cast<unsigned long long>(ran),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

Result<SeedRange> wanted(const Options& options) {
  if (!options.seed.empty()) {
    TRY(const std::uint64_t seed, cairn::sim::parse_seed(options.seed));
    return SeedRange{.first = seed, .last = seed};
  }
  TRY(const SeedRange seeds, cairn::sim::parse_seed_range(options.seeds));
  if (seeds.last < UINT64_MAX || options.minutes > 0) return seeds;
  return cairn::Error(std::make_error_code(std::errc::invalid_argument),
                      "these seeds have no end: give --minutes, too", options.seeds);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulates worlds of daemons on one bucket."};
  Options options;
  describe(app, options);
  CLI11_PARSE(app, argc, argv);
  const auto seeds = wanted(options);
  if (!seeds) {
    std::fprintf(stderr, "sim: %s\n", seeds.error().message().c_str());
    return kUsage;
  }
  return run(options, *seeds);
}
