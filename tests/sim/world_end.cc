// What must hold when a world has come to rest: a last daemon starts on a host that knows nothing,
// finds all that was acknowledged, and leaves no object behind that nobody needs.

#include <map>
#include <set>

#include "fsd/engine/log_reader.h"
#include "fsd/engine/manifest_client.h"
#include "fsd/format/keys.h"
#include "fsd/format/names.h"
#include "fsd/format/segment_record.h"
#include "tests/sim/world.h"

namespace cairn::sim {

using std::chrono::minutes;
using std::chrono::seconds;

std::unique_ptr<Daemon> World::start_last(index::MemoryIndex& index) {
  engine::Engine::Options options = settings_.engine;
  options.reap_grace = {};
  options.checkpoint_segments = 2;  // with 1, each deletion would be the cause of the next
  testing::FaultyStore::Options calm;
  calm.again_one_in = 0;
  return workload_->start({*shared_, index, "the last daemon", options, calm, random_.next()});
}

/// The log goes on, so that its start does; what the records of dead segments name is deleted in
/// the rounds that follow.
void World::advance(Daemon& last) {
  for (int i = 0; i < 6; ++i) {
    for (int k = 0; k < 3; ++k) last.begin_transaction(true);
    last.begin_read();
    sim_.run_for(seconds(20));
    last.begin_checkpoint();
    sim_.run_for(seconds(20));
  }
}

void World::check_the_end() {
  index::MemoryIndex index;
  auto last = start_last(index);
  const bool up = wait_until(minutes(10), [&] { return last->running() && last->idle(); });
  if (!up) {
    if (verdict_.violations.empty()) verdict_.violation("the last daemon does not start");
    (void)last.release();
    return;
  }
  last_epoch_ = last->engine().stats().epoch;
  advance(*last);
  if (workload_->clears() && verdict_.violations.empty()) {
    last->begin_clearing();
    sim_.run_for(minutes(1));
    advance(*last);
  }
  if (verdict_.violations.empty()) check_idle(*last);
  if (workload_->clears() && verdict_.violations.empty()) last->check_cleared();
  if (verdict_.violations.empty()) check_objects(*last);
  last->begin_stop();
  if (!wait_until(minutes(5), [&] { return last->ended(); })) {
    verdict_.violation("the last daemon does not stop");
    (void)last.release();
  }
}

void World::check_idle(Daemon& last) {
  sim_.run_for(minutes(2));
  const std::uint64_t before = last.requests();
  sim_.run_for(minutes(10));
  if (!last.idle()) verdict_.violation("an operation never ended");
  if (last.requests() != before) verdict_.violation("an idle volume makes requests");
}

void World::check_objects(Daemon& last) {
  auto& engine = last.engine();
  const Seq log_start = engine.stats().log_start;
  std::set<Seq> live;
  (void)engine.scan("s", "t", [&](std::string_view key, std::string_view value) {
    auto record = format::decode_segment_record(value);
    if (record && record->live > 0) live.insert(Seq(format::key_u64(key, 0)));
    return true;
  });
  std::set<Seq> needed = live;
  // The dead that still wait for their round, or for the log's start to pass their death.
  (void)engine.scan("g", "h", [&](std::string_view key, std::string_view) {
    needed.insert(Seq(format::key_u64(key, 1)));
    return true;
  });
  engine::ManifestClient client(bucket_, shared_->volume.sealer,
                                shared_->volume.parameters.identity, random_);
  auto manifest = sim_.wait([&] { return client.get(); });
  std::set<std::string> tables;
  for (const auto& table : manifest->manifest.tables) tables.insert(table.name);
  std::map<Seq, Epoch> others;
  std::set<Seq> gaps;
  engine::LogReader reader(bucket_, shared_->volume.sealer, shared_->volume.parameters.identity);
  for (const auto& [key, object] : bucket_.objects()) {
    const auto name = format::parse_object_name(key);
    if (!name) continue;
    if (name->kind == format::ObjectName::Kind::kTable && !tables.contains(key)) {
      verdict_.violation("table " + key + " is left over");
    }
    if (name->kind != format::ObjectName::Kind::kLog || name->seq >= log_start) continue;
    auto front = sim_.wait([&] { return reader.read_front(name->seq); });
    const bool epoch_start =
        front && *front && (*front)->header.kind == format::SegmentKind::kEpochStart;
    if (epoch_start) {
      // One that came after its slot had been deleted is not in the log, and there is no gap.
      const bool in_log = !bucket_.came_late(key);
      for (Seq seq = name->seq.next(); in_log && seq < (*front)->header.next_seq;
           seq = seq.next()) {
        gaps.insert(seq);
      }
      verdict_.say("epoch " + std::to_string((*front)->header.epoch.value()) + " starts at " +
                   std::to_string(name->seq.value()));
    } else if (!needed.contains(name->seq)) {
      others[name->seq] = front && *front ? (*front)->header.epoch : Epoch();
      verdict_.say("segment " + std::to_string(name->seq.value()) + " of epoch " +
                   std::to_string(others[name->seq].value()) + " is known to nobody");
    }
  }
  for (const Seq seq : live) {
    if (seq < log_start && !bucket_.objects().contains(format::log_name(seq))) {
      verdict_.violation("segment " + std::to_string(seq.value()) + " is needed and not there");
    }
  }
  for (const auto& [seq, epoch] : others) {
    // A request that took effect after its slot had been deleted leaves what nobody knows of; but
    // gaps, where one who slept writes, are looked at again.
    if (bucket_.came_late(format::log_name(seq)) && !gaps.contains(seq)) continue;
    verdict_.violation("segment " + std::to_string(seq.value()) + " is left over");
  }
}

}  // namespace cairn::sim
