#include "tests/sim/world.h"

#include <cstdio>

#include "fsd/base/check.h"

namespace cairn::sim {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::FaultyStore;
using testing::SeededRandom;

namespace {
template <class T, std::size_t N>
T pick(SeededRandom& random, const T (&choices)[N]) {
  return choices[random.below(N)];
}
}  // namespace

Settings Settings::draw(SeededRandom& random) {
  Settings settings;
  settings.setup.window = pick<std::uint64_t>(random, {2, 2, 3, 4, 8, 32});
  settings.setup.cost = {.passes = 1, .memory_bytes = 8192};
  if (random.one_in(3)) settings.setup.password = "secret";
  auto& engine = settings.engine;
  engine.compression = pick<format::Compression>(
      random, {format::Compression::none(), {format::Codec::kLz4, 0}, {format::Codec::kZstd, 1}});
  engine.window_bytes = pick<std::size_t>(random, {64U << 10, 1U << 20, 16U << 20});
  engine.cache_bytes = pick<std::size_t>(random, {1U << 20, 4U << 20});
  engine.commit_interval = pick<Duration>(random, {milliseconds(200), seconds(5)});
  engine.reap_grace = pick<Duration>(random, {Duration{}, milliseconds(100), seconds(20)});
  engine.checkpoint_segments = pick<std::uint64_t>(random, {2, 5, 20, 1000});
  engine.checkpoint_batch_bytes = pick<std::uint64_t>(random, {4U << 10, 1U << 20});
  if (random.one_in(4)) {
    settings.faults.again_one_in = 0;  // a good day
    settings.calm = random.one_in(3);
  } else {
    settings.faults = FaultyStore::Options::bad_day();
    settings.faults.timeout = pick<Duration>(random, {milliseconds(200), seconds(5)});
    settings.faults.late_max = pick<Duration>(random, {seconds(5), minutes(5)});
  }
  settings.hosts = 2 + random.below(3);
  settings.steps = 60 + random.below(200);
  return settings;
}

std::string Settings::description() const {
  return "window " + std::to_string(setup.window) + ", hosts " + std::to_string(hosts) +
         ", steps " + std::to_string(steps) + ", checkpoint after " +
         std::to_string(engine.checkpoint_segments) + " segments, " +
         format::to_string(engine.compression) + (setup.password ? ", encrypted" : "") +
         (faults.drop_one_in != 0 ? ", bad day" : ", good day");
}

World::World(std::uint64_t seed, bool verbose, std::unique_ptr<Workload> workload)
    : sim_(seed),
      random_(seed ^ 0xC0FFEE),
      settings_(Settings::draw(random_)),
      workload_(std::move(workload)) {
  verdict_.verbose = verbose;
  verdict_.say("seed " + std::to_string(seed) + ": " + settings_.description());
  auto made =
      sim_.wait([&] { return engine::set_up_volume(sim_.runtime(), bucket_, settings_.setup); });
  CHECK(made.has_value());
  shared_.reset(new Shared{sim_, verdict_, bucket_, made->volume, {}});
  for (std::uint64_t i = 0; i < settings_.hosts; ++i) {
    hosts_.emplace_back().index = std::make_unique<index::MemoryIndex>();
  }
}

World::~World() = default;

bool World::wait_until(Duration most, const std::function<bool()>& done) {
  const Duration end = sim_.now() + most;
  while (!done()) {
    if (sim_.now() >= end || !sim_.run_one()) return false;
  }
  return true;
}

void World::start(Host& host) {
  if (random_.one_in(4)) host.index = std::make_unique<index::MemoryIndex>();
  if (random_.one_in(10)) host.index->set_damaged(true);
  host.paused = false;
  host.away_until = {};
  const std::string name =
      "host " + std::to_string(&host - hosts_.data()) + ", life " + std::to_string(++lives_);
  verdict_.say(name + " starts");
  host.daemon = workload_->start(
      {*shared_, *host.index, name, settings_.engine, settings_.faults, random_.next()});
}

/// What goes on by itself: daemons that failed end, the dead make room, networks and disks recover.
void World::tend() {
  for (Host& host : hosts_) {
    host.index->set_full(sim_.now() < host.full_until);
    if (!host.daemon) continue;
    Daemon& daemon = *host.daemon;
    if (daemon.running() && (daemon.failed() || daemon.killed())) {
      if (host.paused) daemon.set_paused(host.paused = false);
      daemon.begin_stop();
    }
    if (daemon.ended()) {
      host.daemon.reset();
      host.index->crash();
      continue;
    }
    daemon.wire().set_outage(sim_.now() < host.away_until);
  }
}

/// Writes as fast as it can, which is when a take-over is hardest.
void World::burst(Daemon& daemon) {
  for (std::uint64_t i = 5 + random_.below(20); i > 0 && daemon.running(); --i) {
    daemon.begin_transaction(true);
    sim_.run_for(milliseconds(random_.below(40)));
  }
}

void World::act(Host& host) {
  Daemon& daemon = *host.daemon;
  switch (random_.below(12)) {
    case 0:
      return burst(daemon);
    case 1:
      return daemon.begin_sync();
    case 2:
      return daemon.begin_checkpoint();
    case 3:
      return daemon.begin_read();
    case 4:
    case 5:
      for (int i = 0; i < 6; ++i) daemon.begin_transaction(false);
      return;
    case 6:
      for (int i = 0; i < 4; ++i) daemon.begin_sync();
      return;
    default:
      return daemon.begin_transaction(!random_.one_in(3));
  }
}

void World::trouble(Host& host) {
  Daemon& daemon = *host.daemon;
  switch (random_.below(8)) {
    case 0:
    case 1:
      host.paused = false;
      return daemon.crash();
    case 2:
      if (!host.paused && daemon.idle() && daemon.running()) daemon.begin_stop();
      return;
    case 3:
    case 4:
      host.paused = !host.paused;
      return daemon.set_paused(host.paused);
    case 5:
      host.away_until = sim_.now() + seconds(1 + random_.below(90));
      return;
    case 6:
      host.full_until = sim_.now() + seconds(1 + random_.below(60));
      return;
    default:
      sim_.jump_wall(seconds(random_.below(100'000)) - seconds(50'000));
  }
}

void World::step() {
  tend();
  Host& host = hosts_[random_.below(hosts_.size())];
  if (!host.daemon) {
    bool anybody = false;
    for (const Host& other : hosts_) anybody |= other.daemon && !other.paused;
    if (!anybody || random_.one_in(8)) start(host);
  } else if (!settings_.calm && random_.one_in(12)) {
    trouble(host);
  } else if (host.daemon->running() && !host.daemon->failed()) {
    act(host);
  }
  const Duration pauses[] = {Duration{}, milliseconds(5), milliseconds(100), seconds(1),
                             seconds(8)};
  sim_.run_for(random_.one_in(60) ? Duration(minutes(3)) : pick<Duration>(random_, pauses));
}

std::vector<std::string> World::run() {
  for (std::uint64_t i = 0; i < settings_.steps && verdict_.violations.empty(); ++i) step();
  end_all();
  if (verdict_.violations.empty()) check_the_end();
  sim_.note(workload_->transactions() + 1);
  return verdict_.violations;
}

/// Everybody goes; whatever is still on its way arrives.
void World::end_all() {
  for (Host& host : hosts_) {
    host.full_until = host.away_until = {};
    if (host.daemon && !host.daemon->ended()) host.daemon->crash();
  }
  const bool all = wait_until(minutes(30), [&] {
    tend();
    for (const Host& host : hosts_) {
      if (host.daemon) return false;
    }
    return true;
  });
  if (!all) {
    verdict_.violation("not every request is answered: a daemon does not end");
    for (Host& host : hosts_) (void)host.daemon.release();  // its coroutines wait for ever
  }
  sim_.run_for(minutes(10));
}

}  // namespace cairn::sim
