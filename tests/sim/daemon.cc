#include "tests/sim/daemon.h"

#include <cstdio>

#include "fsd/base/check.h"
#include "fsd/engine/manifest_client.h"

namespace cairn::sim {

using engine::EngineErrc;

namespace {
object_store::RetryingStore::Options quiet() {
  object_store::RetryingStore::Options options;
  options.report = [](const std::string&) {};
  return options;
}
}  // namespace

void Verdict::violation(std::string sentence) {
  say("VIOLATION: " + sentence);
  violations.push_back(std::move(sentence));
}

void Verdict::say(const std::string& sentence) const {
  if (verbose) std::printf("%s\n", sentence.c_str());
}

Daemon::Daemon(Life life, const Lineage& lineage)
    : shared_(life.shared),
      name_(std::move(life.name)),
      random_(life.seed),
      lineage_(lineage),
      options_(std::move(life.options)),
      counter_(*shared_.counters.emplace_back(
          std::make_unique<object_store::CountingStore>(shared_.bucket))),
      wire_(counter_, shared_.sim.runtime(), life.seed + 1, life.faults),
      store_(wire_, shared_.sim.runtime(), quiet()),
      index_(life.index) {
  options_.on_failed = [this](Error error) {
    shared_.verdict.say(name_ + " failed: " + error.message());
    if (is(error, EngineErrc::kFenced)) check_fenced();
    failure_ = std::move(error);
  };
}

Task<> Daemon::counted(Task<> task) {
  co_await task;
  --under_way_;
}

void Daemon::begin_open() {
  begin([this] { return open(); });
}

Task<> Daemon::open() {
  engine::LogAccess access{.runtime = shared_.sim.runtime(),
                           .store = store_,
                           .index = index_,
                           .parameters = shared_.volume.parameters,
                           .sealer = shared_.volume.sealer};
  auto opened = co_await engine::Engine::open(access, options_);
  if (opened) {
    engine_ = std::move(*opened);
    epoch_ = engine_->stats().epoch;
    co_await on_live();
  } else {
    on_open_failed(opened.error());
    failure_ = opened.error();
    phase_ = Phase::kEnded;
  }
}

/// Who says that he is fenced must be.
void Daemon::check_fenced() {
  engine::ManifestClient client(shared_.bucket, shared_.volume.sealer,
                                shared_.volume.parameters.identity, random_);
  auto manifest = client.get();
  CHECK(manifest.done());
  const auto now = manifest.take();
  if (now && now->manifest.epoch == engine_->stats().epoch) {
    shared_.verdict.violation(name_ + " says that it is fenced, and nobody else has the volume");
  }
}

// Nobody may fail to start for another reason than these.
void Daemon::on_open_failed(const Error& error) {
  shared_.verdict.say(name_ + " did not start: " + error.message());
  const bool index_trouble = error.code.category() == index::index_category();
  if (killed_ || index_trouble || is(error, EngineErrc::kFenced)) return;
  shared_.verdict.violation(name_ + " cannot start: " + error.message());
}

void Daemon::begin_transaction(bool and_sync) {
  begin([this, and_sync] { return transaction(and_sync); });
}

void Daemon::begin_sync() {
  begin([this] { return sync(); });
}

void Daemon::begin_read() {
  begin([this] { return read(); });
}

void Daemon::begin_checkpoint() {
  begin([this] { return checkpoint(); });
}

void Daemon::begin_clearing() {
  begin([this] { return clear(); });
}

Task<> Daemon::checkpoint() { (void)co_await engine_->checkpoint(); }

void Daemon::set_paused(bool paused) {
  shared_.verdict.say(name_ + (paused ? " is stopped" : " goes on"));
  shared_.sim.in_core([&] { wire_.set_paused(paused); });
}

void Daemon::crash() {
  shared_.verdict.say(name_ + " crashes");
  killed_ = true;
  shared_.sim.in_core([this] {
    wire_.disconnect();
    wire_.set_paused(false);
    store_.stop();
  });
  if (phase_ == Phase::kRunning && !stopping_) begin_stop();
}

void Daemon::begin_stop() {
  stopping_ = true;
  phase_ = Phase::kEnding;
  begin([this] { return end(); });
}

Task<> Daemon::end() {
  const auto stopped = co_await stop();
  if (!stopped && !killed_ && !failed()) {
    violation("does not stop cleanly: " + stopped.error().message());
  }
  phase_ = Phase::kEnded;
}

}  // namespace cairn::sim
