// resume_work: see README.md.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/e2e/resume/situations.h"
#include "tests/e2e/resume/workload.h"

namespace {

using namespace cairn;
using namespace cairn::e2e;

struct Arguments {
  std::string cairn, directory, kind = "none";
  std::uint64_t seed = 1;
  std::uint64_t bytes = 0;
  unsigned mishaps = 100;
  unsigned operations = 1000;
  unsigned workers = 8;
};

/// Half of them anywhere; the others soon after another one, so that they come while the session is
/// being brought back, or before the client has heard that it was.
std::deque<Mishap> choose_mishaps(const Arguments& arguments) {
  constexpr std::uint64_t kSoonMax = 6000;
  SeededRandom random(arguments.seed);
  const auto kind = [&] {
    if (arguments.kind == "cut") return Mishap::Kind::kCut;
    if (arguments.kind == "kill") return Mishap::Kind::kKill;
    if (arguments.kind == "term") return Mishap::Kind::kTerm;
    return static_cast<Mishap::Kind>(random.below(3));
  };
  std::deque<Mishap> mishaps;
  for (unsigned i = 0; i < arguments.mishaps; i += 2) {
    const std::uint64_t at = random.below(arguments.bytes - arguments.bytes / 8);
    mishaps.push_back({.after_bytes = at, .kind = kind()});
    mishaps.push_back({.after_bytes = at + random.between(1, kSoonMax), .kind = kind()});
  }
  std::ranges::sort(mishaps, {}, &Mishap::after_bytes);
  return mishaps;
}

void compare(boost::asio::io_context& io, const Disturbance& way, const Node& should,
             const char* when) {
  Caller caller(io, way.url(), 99);
  caller.begin();
  const auto found = differences(should, *read_tree(caller), "");
  for (const std::string& line : found) std::fprintf(stderr, "%s\n", line.c_str());
  if (!found.empty()) fail(std::string("the tree is another ") + when);
  caller.finish();
}

void work(const Arguments& arguments, boost::asio::io_context& io, Disturbance& way) {
  auto root = std::make_shared<Node>(Node{.type = Node::Type::kDirectory, .mode = 0755});
  std::vector<std::unique_ptr<Script>> scripts;
  for (unsigned i = 0; i < arguments.workers; ++i) {
    scripts.push_back(std::make_unique<Script>(i, arguments.seed));
    scripts.back()->add_operations(arguments.operations / arguments.workers);
    scripts.back()->add_end();
    root->entries[scripts.back()->name()] = scripts.back()->root();
  }
  Caller caller(io, way.url(), arguments.seed);
  caller.begin();
  const std::uint64_t before = way.bytes();
  if (arguments.kind != "none") way.set(choose_mishaps(arguments));
  Workload workload(caller, std::move(scripts));
  workload.run();
  const std::uint64_t bytes = way.bytes() - before;
  caller.run_until([&way] { return way.is_ready(); });
  const std::size_t left = way.left();
  way.set({});
  const auto counts = caller.session().counts();
  std::fprintf(stderr,
               "%zu requests, %llu bytes, %zu mishaps left; resumed %llu, rebuilt %llu, sent again "
               "%llu, lost %llu, stale %llu\n",
               workload.steps_done(), static_cast<unsigned long long>(bytes), left,
               static_cast<unsigned long long>(counts.resumed),
               static_cast<unsigned long long>(counts.rebuilt),
               static_cast<unsigned long long>(counts.sent_again),
               static_cast<unsigned long long>(counts.lost),
               static_cast<unsigned long long>(counts.stale));
  // A daemon that is told to stop still serves for a while: on a busy machine much passes by then.
  if (arguments.kind != "none" && left > arguments.mishaps / 2) fail("too few mishaps happened");
  if (counts.lost > 0) fail("something was lost, though nobody else was there");
  caller.finish();
  compare(io, way, *root, "at the end");
  // The bucket is all there is.
  way.stop();
  std::filesystem::remove_all(arguments.directory + "/cache");
  way.start();
  compare(io, way, *root, "to a daemon without a cache");
  if (arguments.kind == "none") std::printf("%llu\n", static_cast<unsigned long long>(bytes));
}

/// The daemon is reached by our address, which it must know: HOST in its configuration.
void name_host(const std::string& config_file, const Disturbance& way) {
  std::ostringstream text;
  text << std::ifstream(config_file).rdbuf();
  std::string config = text.str();
  constexpr std::string_view kPlaceholder = "HOST";
  const std::size_t at = config.find(kPlaceholder);
  if (at == config.npos) fail(config_file + " has no HOST in it");
  config.replace(at, kPlaceholder.size(), vm::SocketUrl::parse(way.url())->authority());
  std::ofstream(config_file) << config;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("A session that resumes, against a daemon that it starts, cuts and kills.");
  app.add_option("--cairn", arguments.cairn)->required();
  app.add_option("--directory", arguments.directory, "with the daemon's c.toml")->required();
  app.add_option("--kind", arguments.kind)
      ->check(CLI::IsMember({"none", "cut", "kill", "term", "mixed", "situations", "grace"}));
  app.add_option("--seed", arguments.seed);
  app.add_option("--bytes", arguments.bytes, "how many pass undisturbed: what 'none' prints");
  app.add_option("--mishaps", arguments.mishaps);
  app.add_option("--operations", arguments.operations);
  CLI11_PARSE(app, argc, argv);
  boost::asio::io_context io;
  const auto stay = boost::asio::make_work_guard(io);
  Daemon daemon(io, arguments.cairn, arguments.directory);
  Disturbance way(io, daemon);
  name_host(arguments.directory + "/c.toml", way);
  way.start();
  if (arguments.kind == "situations") {
    locks_outlive_a_crash(io, way);
    an_unlinked_file_outlives_a_crash(io, way);
    what_cannot_be_done_again_is_told(io, way);
  } else if (arguments.kind == "grace") {
    who_does_not_come_back_in_time_is_told(io, daemon, way);
  } else {
    work(arguments, io, way);
  }
  way.stop();
  return 0;
}
