#include "tests/sim/histories.h"

#include <functional>
#include <memory>
#include <vector>

#include "fsd/format/names.h"
#include "fsd/format/segment.h"
#include "fsd/object_store/memory_store.h"
#include "fsd/runtime/await.h"
#include "tests/support/engine_host.h"

namespace cairn::sim {

using engine::EngineErrc;
using object_store::StoreErrc;
using std::chrono::seconds;
using testing::EngineHost;
using testing::SimRuntime;

namespace {

/// A host's way to the bucket that does with a request what the history says.
class ScriptedStore final : public object_store::ObjectStore {
 public:
  enum class Do { kPass, kHold, kDrop, kLoseAnswer, kRefuse };
  explicit ScriptedStore(ObjectStore& inner) : inner_(inner) {}

  std::function<Do(const std::string& key)> on_get;
  std::function<Do(const std::string& key)> on_put;
  void release() {
    held_ = false;
    released_.notify_all();
  }
  [[nodiscard]] bool holds() const { return held_; }

  Task<Result<object_store::Object>> get(std::string key, object_store::ByteRange range) override {
    const Do what = on_get ? on_get(key) : Do::kPass;
    if (what == Do::kHold) {
      held_ = true;
      co_await released_.wait();
    }
    if (what == Do::kRefuse) co_return Error(StoreErrc::kAccessDenied, "");
    auto answer = co_await inner_.get(key, range);
    co_return answer;
  }
  Task<Result<std::string>> put(std::string key, SharedBytes body,
                                object_store::PutCondition condition) override {
    const Do what = on_put ? on_put(key) : Do::kPass;
    if (what == Do::kHold) {
      held_ = true;
      co_await released_.wait();
    }
    if (what == Do::kDrop) co_return Error(StoreErrc::kUnavailable, "");
    auto answer = co_await inner_.put(key, body, condition);
    if (what == Do::kLoseAnswer) co_return Error(StoreErrc::kUnavailable, "");
    co_return answer;
  }
  Task<Result<void>> remove(std::string key) override { return inner_.remove(key); }
  Task<Result<object_store::ListPage>> list(std::string prefix, std::string start_after,
                                            std::uint32_t limit) override {
    return inner_.list(prefix, start_after, limit);
  }
  [[nodiscard]] std::string description() const override { return "scripted"; }

 private:
  ObjectStore& inner_;
  bool held_ = false;
  Condition released_;
};

/// One bucket and hosts on it, as the histories need them.
struct Stage {
  SimRuntime sim{7};
  object_store::MemoryStore bucket;
  ScriptedStore store_a{bucket};
  ScriptedStore store_b{bucket};
  EngineHost a{sim, store_a};
  EngineHost b{sim, store_b};
  EngineHost c{sim, bucket};

  Stage() {
    for (EngineHost* host : {&a, &b, &c}) {
      host->setup.window = 2;
      host->options.checkpoint_segments = 1000;
      host->options.reap_grace = {};
    }
  }
  /// A transaction that is durable when this returns.
  bool put(EngineHost& host, std::string key) {
    if (!sim.wait([&] { return host.put(key, "1"); })) return false;
    return sim.wait([&] { return host.engine().sync(host.engine().open_segment()); }).has_value();
  }
  bool checkpoint(EngineHost& host) {
    sim.run_for(seconds(2));
    return sim.wait([&] { return host.engine().checkpoint(); }).has_value();
  }
  std::vector<std::string> log() const {
    std::vector<std::string> keys;
    for (const auto& [key, object] : bucket.objects()) {
      if (key.starts_with(format::kLogPrefix)) keys.push_back(key);
    }
    return keys;
  }
  engine::StoredManifest manifest(const format::UnlockedVolume& volume) {
    engine::ManifestClient client(bucket, volume.sealer, volume.parameters.identity, sim.random());
    return sim.wait([&] { return client.get(); }).value();
  }
  format::UnlockedVolume volume() {
    return sim.wait([&] { return engine::set_up_volume(sim.runtime(), bucket, {}); })->volume;
  }
  /// On a host that never was there, so that only the bucket counts.
  Wrong must_find(std::string key) {
    EngineHost fresh(sim, bucket);
    if (auto started = fresh.start(); !started) return "no start: " + started.error().message();
    if (!fresh.find(key)) return key + " was acknowledged and is lost";
    return std::nullopt;
  }
};

using Do = ScriptedStore::Do;

bool is_log(const std::string& key) { return key.starts_with(format::kLogPrefix); }

/// B's epoch-start is held; A writes the slot; C takes over, goes past it and deletes it; then B's
/// epoch-start finds the slot empty. Returns how B's start ends.
Result<void> play_late_epoch_start(Stage& stage) {
  CHECK(stage.a.start().has_value() && stage.put(stage.a, "c/a0"));
  stage.store_b.on_put = [](const std::string& key) { return is_log(key) ? Do::kHold : Do::kPass; };
  const auto volume = stage.volume();
  engine::LogAccess access{.runtime = stage.sim.runtime(),
                           .store = stage.store_b,
                           .index = stage.b.index,
                           .parameters = volume.parameters,
                           .sealer = volume.sealer};
  std::optional<Task<Result<engine::OpenedLog>>> taking;
  stage.sim.in_core([&] { taking.emplace(engine::take_over(access)); });
  while (!stage.store_b.holds()) CHECK(stage.sim.run_one());
  CHECK(stage.put(stage.a, "c/a1"));  // into the slot that B found empty
  stage.c.options.checkpoint_segments = 4;
  CHECK(stage.c.start().has_value());
  for (int i = 0; i < 20; ++i) {
    CHECK(stage.put(stage.c, "c/c" + std::to_string(i)));
    stage.sim.run_for(seconds(2));
  }
  stage.sim.in_core([&] { stage.store_b.release(); });
  auto taken = stage.sim.wait(std::move(*taking));
  if (!taken) return taken.error();
  return {};
}

}  // namespace

Wrong late_epoch_start() {
  Stage stage;
  const auto ended = play_late_epoch_start(stage);
  if (ended) return "a daemon went live that had long been overtaken";
  if (!is(ended.error(), EngineErrc::kFenced)) return "another end: " + ended.error().message();
  return std::nullopt;
}

Wrong late_epoch_start_in_index() {
  Stage stage;
  (void)play_late_epoch_start(stage);
  const auto snapshot = stage.b.index.snapshot();
  const auto at = format::decode_position((*snapshot)->stamp().position);
  if (at && at->epoch == Epoch(2)) return "the index holds an epoch-start that is not in the log";
  return std::nullopt;
}

Wrong index_ahead_of_bucket() {
  Stage stage;
  CHECK(stage.a.start().has_value() && stage.put(stage.a, "c/a") && stage.put(stage.a, "c/b"));
  const Seq last(stage.a.engine().durable_end().value() - 1);
  CHECK(stage.a.stop().has_value());
  stage.bucket.lose(format::log_name(last));
  if (auto started = stage.a.start(); !started) return started.error().message();
  if (stage.a.find("c/b")) return "the index was believed, though the bucket does not hold it";
  return std::nullopt;
}

Wrong follower_overtaken() {
  Stage stage;
  stage.a.options.checkpoint_segments = 6;
  CHECK(stage.a.start().has_value() && stage.put(stage.a, "c/a"));
  stage.store_b.on_get = [](const std::string& key) { return is_log(key) ? Do::kHold : Do::kPass; };
  const auto volume = stage.volume();
  engine::LogAccess access{.runtime = stage.sim.runtime(),
                           .store = stage.store_b,
                           .index = stage.b.index,
                           .parameters = volume.parameters,
                           .sealer = volume.sealer};
  std::optional<Task<Result<engine::OpenedLog>>> following;
  stage.sim.in_core([&] { following.emplace(engine::follow_log(access)); });
  while (!stage.store_b.holds()) CHECK(stage.sim.run_one());
  for (int i = 0; i < 20; ++i) {
    CHECK(stage.put(stage.a, "c/x" + std::to_string(i)));
    stage.sim.run_for(seconds(2));
  }
  stage.store_b.on_get = nullptr;
  stage.sim.in_core([&] { stage.store_b.release(); });
  const auto followed = stage.sim.wait(std::move(*following));
  if (!followed) return followed.error().message();
  const auto snapshot = stage.b.index.snapshot();
  const auto found = (*snapshot)->find("c/x0");
  if (!found || !*found) return "the follower takes deleted slots for the end of the log";
  return std::nullopt;
}

Wrong foreign_epoch() {
  Stage stage;
  CHECK(stage.a.start().has_value() && stage.put(stage.a, "c/a"));
  const auto volume = stage.volume();
  engine::LogReader reader(stage.bucket, volume.sealer, volume.parameters.identity);
  const Seq end = stage.a.engine().durable_end();
  auto last = stage.sim.wait([&] { return reader.read_front(Seq(end.value() - 1)); });
  format::SegmentHeader header = (**last).header;
  header.previous = header.id;
  header.id = format::SegmentId::random(stage.sim.random());
  header.seq = end;
  header.next_seq = end.next();
  header.epoch = Epoch(9);
  auto sealed = format::seal_segment(header, {}, {}, format::Compression::none(), volume.sealer);
  (void)stage.sim.wait([&] {
    return stage.bucket.put(format::log_name(end), SharedBytes::from(sealed.object), {});
  });
  if (stage.c.start()) return "a segment of an epoch that never began was replayed";
  return std::nullopt;
}

Wrong hole_in_log() {
  Stage stage;
  CHECK(stage.a.start().has_value());
  std::vector<Seq> written;
  for (int i = 0; i < 6; ++i) {
    written.push_back(stage.a.engine().open_segment());
    CHECK(stage.put(stage.a, "c/" + std::to_string(i)));
  }
  stage.bucket.lose(format::log_name(written[1]));
  const auto started = stage.c.start();
  if (started) return "a log with a hole was written to: what lies behind is lost for ever";
  if (!is(started.error(), EngineErrc::kLost)) return "another end: " + started.error().message();
  return std::nullopt;
}

Wrong lost_manifest() {
  Stage stage;
  stage.a.options.checkpoint_segments = 6;
  CHECK(stage.a.start().has_value());
  int manifests = 0;
  stage.store_a.on_put = [&](const std::string& key) {
    return key == format::kManifestName && ++manifests == 2 ? Do::kDrop : Do::kPass;
  };
  const auto volume = stage.volume();
  for (int i = 0; i < 40; ++i) {
    CHECK(stage.put(stage.a, "c/" + std::to_string(100 + i)));
    stage.sim.run_for(seconds(2));
    for (const auto& table : stage.manifest(volume).manifest.tables) {
      if (!stage.bucket.objects().contains(table.name)) return "a table that is named is deleted";
    }
  }
  EngineHost fresh(stage.sim, stage.bucket);
  if (auto started = fresh.start(); !started) return "no start: " + started.error().message();
  for (int i = 0; i < 40; ++i) {
    if (!fresh.find("c/" + std::to_string(100 + i))) return "what a checkpoint left out is lost";
  }
  return std::nullopt;
}

Wrong unknown_manifest() {
  Stage stage;
  CHECK(stage.a.start().has_value() && stage.put(stage.a, "c/a"));
  bool written = false;
  stage.store_a.on_put = [&](const std::string& key) {
    if (key != format::kManifestName) return Do::kPass;
    written = true;
    return Do::kLoseAnswer;
  };
  stage.store_a.on_get = [&](const std::string& key) {
    return written && key == format::kManifestName ? Do::kRefuse : Do::kPass;
  };
  (void)stage.checkpoint(stage.a);
  CHECK(written);
  return stage.must_find("c/a");
}

Wrong stuck_successor() {
  Stage stage;
  CHECK(stage.a.start().has_value() && stage.put(stage.a, "c/a"));
  const auto volume = stage.volume();
  engine::StoredManifest known = stage.manifest(volume);
  format::Manifest wanted = known.manifest;
  wanted.epoch = wanted.epoch.next();
  wanted.nonce = format::WriterNonce::random(stage.sim.random());
  ++wanted.generation;
  engine::ManifestClient client(stage.bucket, volume.sealer, volume.parameters.identity,
                                stage.sim.random());
  CHECK(stage.sim.wait([&] { return client.replace(known, wanted); })->has_value());
  for (int i = 0; i < 30; ++i) {
    if (!stage.put(stage.a, "c/" + std::to_string(i))) return std::nullopt;
    stage.sim.run_for(seconds(1));
  }
  return "a writer outruns its successor for ever";
}

}  // namespace cairn::sim
