#include "tests/sim/mutations/story.h"

#include <algorithm>

#include "fsd/base/check.h"
#include "fsd/engine/protocol_rules.h"
#include "fsd/engine/take_over.h"

namespace cairn::sim {

using engine::DataRef;

Host::Host(Story& story, std::string name) : story_(story), name_(std::move(name)) {
  options.reap_grace = Duration{0};
}

Wire& Host::connect() {
  connected_ = true;
  return *wires_.emplace_back(std::make_unique<Wire>(story_.bucket));
}

Task<> Host::open(Wire* wire) {
  engine::LogAccess access{.runtime = story_.sim.runtime(),
                           .store = *wire,
                           .index = index,
                           .parameters = story_.volume.parameters,
                           .sealer = story_.volume.sealer};
  auto opened = co_await engine::Engine::open(access, options);
  if (opened) {
    engine_ = std::move(*opened);
  } else {
    failure_ = opened.error();
  }
  --under_way_;
}

bool Host::start() {
  CHECK(!engine_ && under_way_ == 0);
  if (!connected_) connect();
  connected_ = false;
  failure_.reset();
  ++under_way_;
  story_.sim.in_core([this] { open(&wire()).detach(); });
  story_.pass();
  return live();
}

bool Host::failed() const { return error().has_value(); }

std::optional<Error> Host::error() const {
  return engine_ && engine_->failure() ? engine_->failure() : failure_;
}

Task<> Host::end() {
  (void)co_await engine_->stop();
  --under_way_;
}

void Host::crash() {
  if (wires_.empty()) return;
  story_.sim.in_core([this] { wire().cut(); });
  story_.pass();
  if (engine_) {
    ++under_way_;
    story_.sim.in_core([this] { end().detach(); });
  }
  for (int i = 0; under_way_ > 0; ++i) {
    CHECK(i < 1000);
    story_.pass(std::chrono::seconds(1));
  }
  engine_.reset();
}

template <class F>
void Host::begin(F change) {
  if (!engine_) return;
  ++under_way_;
  story_.sim.in_core([&] { change().detach(); });
  story_.pass();
}

Task<> Host::sync(std::string key, std::string value, std::optional<DataRef> file, bool drop) {
  auto admitted = co_await engine_->admit(1000);
  if (admitted) {
    if (drop) {
      engine_->drop_reference(*file, story_.files.at(key).bytes.size());
      engine_->erase(key);
      story_.drops.insert(key);
    } else if (file) {
      const DataRef at = engine_->append(as_bytes(value));
      story_.files[key] = {at, value};
      engine_->put(key, value);
    } else {
      engine_->put(key, value);
    }
    auto synced = co_await engine_->sync(engine_->open_segment());
    if (synced && drop) story_.values.erase(key);
    if (synced && !drop) story_.values[key] = value;
  }
  --under_way_;
}

void Host::put(const std::string& key) {
  begin([&] { return sync(key, "value of " + key + " by " + name_, std::nullopt, false); });
}
void Host::put_file(const std::string& key) {
  begin([&] { return sync(key, "bytes of " + key + " by " + name_, DataRef{}, false); });
}
void Host::drop_file(const std::string& key) {
  const auto file = story_.files.find(key);
  if (file == story_.files.end()) return story_.wrong(key + " was never written");
  begin([&] { return sync(key, "", file->second.at, true); });
}

void Host::puts(const std::string& prefix, int count) {
  for (int i = 0; i < count; ++i) put(prefix + std::to_string(i));
}

Task<> Host::publish() {
  (void)co_await engine_->checkpoint();
  --under_way_;
}

void Host::checkpoint() {
  begin([this] { return publish(); });
}

void Host::checkpoint_and_delete() {
  if (!engine_) return;
  const std::uint64_t before = engine_->stats().checkpoints;
  for (int i = 0; i < 8 && engine_ && engine_->stats().checkpoints < before + 2; ++i) {
    put("c-pad-" + name_ + std::to_string(i));
  }
  story_.pass();
}

Story::Story(std::uint64_t window) {
  auto set_up = sim.wait(
      [&] { return engine::set_up_volume(sim.runtime(), bucket.store, {.window = window}); });
  CHECK(set_up.has_value());
  volume = set_up->volume;
}

Story::~Story() {
  for (auto& [name, host] : hosts_) host->crash();
}

Host& Story::host(const std::string& name) {
  auto& host = hosts_[name];
  if (!host) host = std::make_unique<Host>(*this, name);
  return *host;
}

void Story::apply(Trap& trap) {
  for (const auto& request : std::vector(trap.caught)) request->apply();
}
void Story::answer(Trap& trap) {
  sim.in_core([&] {
    for (const auto& request : std::exchange(trap.caught, {})) request->answer();
  });
  pass();
}
void Story::fail(Trap& trap, object_store::StoreErrc code) {
  sim.in_core([&] {
    for (const auto& request : std::exchange(trap.caught, {})) request->fail(code);
  });
  pass();
}
void Story::open(Trap& trap) {
  trap.open = true;
  answer(trap);
}

void Story::check_live(Host& host) {
  if (!host.live()) {
    wrong("the newest daemon is stopped: " + (host.error() ? host.error()->message() : "it waits"));
    return;
  }
  const std::size_t before = values.size();
  host.put("c-live-" + std::to_string(values.size()));
  pass(std::chrono::seconds(3));
  if (values.size() == before) wrong("the newest daemon cannot write");
}

void Story::check_state(Host& host) {
  if (!host.live()) return;
  for (const auto& [key, value] : values) {
    const auto found = host.engine().find(key);
    const bool there = found && *found && **found == value;
    if (!there && !drops.contains(key)) wrong("lost, though acknowledged: " + value);
    const auto file = files.find(key);
    if (!there || file == files.end()) continue;
    std::string bytes(file->second.bytes.size(), '?');
    const MutableByteView into(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    auto task = std::optional<Task<Result<void>>>();
    sim.in_core([&] { task.emplace(host.engine().read(file->second.at, into)); });
    auto done = sim.wait(std::move(*task));
    if (!done || bytes != file->second.bytes) wrong("the bytes are gone: " + value);
  }
}

void Story::check_index(Host& host, const std::vector<format::SegmentId>& history) {
  auto snapshot = host.index.snapshot();
  if (!snapshot || (*snapshot)->stamp().volume.empty()) return;
  const auto at = format::decode_position((*snapshot)->stamp().position);
  if (at && std::ranges::find(history, at->last) == history.end()) {
    wrong("an index holds what is not in the log's history");
  }
}

std::optional<std::string> Story::finish() {
  std::vector<Host*> all;
  for (auto& [name, host] : hosts_) {
    host->crash();
    all.push_back(host.get());
  }
  const auto out = std::exchange(engine::rules_taken_out, 0);
  Host& judge = host("judge");
  if (judge.start()) {
    check_state(judge);
    check_live(judge);
  } else {
    wrong("nobody can start any more: " + (judge.error() ? judge.error()->message() : "it waits"));
  }
  judge.crash();
  if (auto snapshot = judge.index.snapshot()) {
    const auto at = format::decode_position((*snapshot)->stamp().position);
    if (at) {
      const auto history = bucket.history(at->last);
      for (Host* host : all) check_index(*host, history);
    }
  }
  engine::rules_taken_out = out;
  if (bucket.resealed()) wrong("a segment was sent again as other bytes");
  if (wrongs_.empty()) return std::nullopt;
  return wrongs_.front();
}

}  // namespace cairn::sim
