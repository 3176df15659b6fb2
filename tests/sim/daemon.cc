#include "tests/sim/daemon.h"

#include <cstdio>

#include "fsd/base/check.h"
#include "fsd/engine/manifest_client.h"
#include "fsd/format/keys.h"
#include "fsd/format/segment_record.h"
#include "fsd/runtime/await.h"

namespace cairn::sim {

using engine::DataRef;
using engine::EngineErrc;

namespace {
constexpr std::uint64_t kValueKeys = 12;
constexpr std::uint64_t kFileKeys = 6;
constexpr std::size_t kPiecesMax = 8;

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

Daemon::Daemon(Shared& shared, index::MemoryIndex& index, std::string name,
               engine::Engine::Options options, testing::FaultyStore::Options faults,
               std::uint64_t seed)
    : shared_(shared),
      name_(std::move(name)),
      options_(std::move(options)),
      random_(seed),
      counter_(*shared.counters.emplace_back(
          std::make_unique<object_store::CountingStore>(shared.bucket))),
      wire_(counter_, shared.sim.runtime(), seed + 1, faults),
      store_(wire_, shared.sim.runtime(), quiet()),
      index_(index) {
  options_.on_failed = [this](Error error) {
    shared_.verdict.say(name_ + " failed: " + error.message());
    if (is(error, EngineErrc::kFenced)) check_fenced();
    failure_ = std::move(error);
  };
  begin([this] { return open(); });
}

template <class T>
void Daemon::begin(T start) {
  ++under_way_;
  shared_.sim.in_core([&] { start().detach(); });
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
    check_recovered();
    phase_ = Phase::kRunning;
    co_await check_bytes(head_);
  } else {
    on_open_failed(opened.error());
    failure_ = opened.error();
    phase_ = Phase::kEnded;
  }
  --under_way_;
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

// Runs in the core, in the same step in which open() ended: nothing has changed yet.
void Daemon::check_recovered() {
  epoch_ = engine_->stats().epoch;
  std::map<std::string, std::string> found;
  const auto scanned = engine_->scan("c", "d", [&](std::string_view key, std::string_view value) {
    found.emplace(key, value);
    return true;
  });
  if (!scanned) {
    failure_ = scanned.error();
    return;
  }
  const auto at = found.find(kTxnKey);
  head_ = at == found.end() ? 0 : std::stoull(at->second);
  shared_.verdict.say(name_ + " is live in epoch " + std::to_string(epoch_.value()) +
                      " at transaction " + std::to_string(head_));
  if (auto wrong = shared_.history.on_recovered(epoch_, head_)) {
    shared_.verdict.violation(name_ + ": " + *wrong);
  }
  if (found != shared_.history.state(head_).rendered(head_)) {
    shared_.verdict.violation(name_ + " recovered a state that never was, at transaction " +
                              std::to_string(head_));
  }
  std::map<Seq, std::uint64_t> live;
  (void)engine_->scan("s", "t", [&](std::string_view key, std::string_view value) {
    auto record = format::decode_segment_record(value);
    if (record && record->live > 0) live[Seq(format::key_u64(key, 0))] = record->live;
    return true;
  });
  if (live != shared_.history.state(head_).references()) {
    shared_.verdict.violation(name_ + ": the segments' live bytes are not the references");
  }
}

/// Reads all that is referenced. What another operation drops meanwhile does not count.
Task<> Daemon::check_bytes(Txn txn) {
  std::vector<std::pair<std::string, Piece>> all;
  for (const auto& [key, pieces] : shared_.history.state(txn).files) {
    for (const Piece& piece : pieces) all.emplace_back(key, piece);
  }
  for (const auto& [key, piece] : all) {
    std::string bytes(piece.bytes.size(), '?');
    const MutableByteView into(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    const auto done = co_await engine_->read(piece.at, into);
    if (done && bytes == piece.bytes) continue;
    if (killed_ || failed() || shared_.history.superseded(epoch_)) co_return;
    const auto& files = shared_.history.state(head_).files;
    const auto file = files.find(key);
    bool still_there = false;
    if (file != files.end()) {
      for (const Piece& now : file->second)
        still_there |= now.at == piece.at && now.bytes == piece.bytes;
    }
    if (!still_there) continue;
    shared_.verdict.violation(name_ + " reads " + (done ? "wrong bytes" : done.error().message()) +
                              " of segment " + std::to_string(piece.at.segment.value()) +
                              " for transaction " + std::to_string(txn));
    co_return;
  }
}

std::string Daemon::random_bytes() {
  // Now and then more than a frame, some of it compressible.
  const std::size_t size = 1 + random_.below(random_.one_in(20) ? 100'000 : 600);
  std::string bytes(size, static_cast<char>('a' + random_.below(26)));
  if (random_.one_in(2)) {
    random_.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  }
  return bytes;
}

void Daemon::change_value(State& state) {
  const std::string key = "c-v" + std::to_string(random_.below(kValueKeys));
  if (random_.one_in(4)) {
    engine_->erase(key);
    state.values.erase(key);
  } else {
    const std::string value = std::to_string(random_.next());
    engine_->put(key, value);
    state.values[key] = value;
  }
}

void Daemon::append_to(State& state, const std::string& key) {
  auto& pieces = state.files[key];
  if (pieces.size() >= kPiecesMax) return drop_from(state, key);
  std::string bytes = random_bytes();
  const DataRef at = engine_->append(as_bytes(bytes));
  pieces.push_back({at, std::move(bytes)});
}

void Daemon::overwrite_in(State& state, const std::string& key) {
  const auto file = state.files.find(key);
  if (file == state.files.end() || file->second.empty()) return append_to(state, key);
  Piece& piece = file->second.back();
  std::string bytes(piece.bytes.size(), static_cast<char>('A' + random_.below(26)));
  if (engine_->overwrite(piece.at, as_bytes(bytes))) {
    piece.bytes = std::move(bytes);
  } else {
    engine_->drop_reference(piece.at, piece.bytes.size());
    piece.at = engine_->append(as_bytes(bytes));
    piece.bytes = std::move(bytes);
  }
}

void Daemon::drop_from(State& state, const std::string& key) {
  const auto file = state.files.find(key);
  if (file == state.files.end()) return;
  const std::size_t keep = random_.below(file->second.size() + 1);
  while (file->second.size() > keep) {
    const Piece& piece = file->second.back();
    engine_->drop_reference(piece.at, piece.bytes.size());
    file->second.pop_back();
  }
  if (file->second.empty()) state.files.erase(file);
}

void Daemon::change_something(State& state) {
  const std::string key = "c-f" + std::to_string(random_.below(kFileKeys));
  switch (random_.below(6)) {
    case 0:
      append_to(state, key);
      break;
    case 1:
      append_to(state, key);
      break;
    case 2:
      overwrite_in(state, key);
      break;
    case 3:
      drop_from(state, key);
      break;
    default:
      return change_value(state);
  }
  const auto file = state.files.find(key);
  if (file == state.files.end()) {
    engine_->erase(key);
  } else {
    engine_->put(key, render(file->second));
  }
}

Task<> Daemon::transaction(bool and_sync) {
  const auto admitted = co_await engine_->admit(500'000);
  if (admitted) {
    // From here to the next suspension is one transaction.
    State state = shared_.history.state(head_);
    for (std::uint64_t i = 1 + random_.below(4); i > 0; --i) change_something(state);
    head_ = shared_.history.add(head_, std::move(state));
    engine_->put(kTxnKey, std::to_string(head_));
    const Txn mine = head_;
    if (and_sync) co_await sync(mine);
  }
  --under_way_;
}

Task<> Daemon::sync(Txn txn) {
  const auto synced = co_await engine_->sync(engine_->open_segment());
  if (synced) {
    if (auto wrong = shared_.history.on_acknowledged(epoch_, txn)) {
      shared_.verdict.violation(name_ + ": " + *wrong);
    }
  } else if (!failed() && !killed_) {
    shared_.verdict.violation(name_ + ": a sync fails: " + synced.error().message());
  }
}

void Daemon::begin_transaction(bool and_sync) {
  begin([this, and_sync] { return transaction(and_sync); });
}

void Daemon::begin_sync() {
  auto work = [](Daemon* self) -> Task<> {
    co_await self->sync(self->head_);
    --self->under_way_;
  };
  begin([this, work] { return work(this); });
}

void Daemon::begin_read() {
  begin([this] { return read(); });
}

Task<> Daemon::read() {
  co_await check_bytes(head_);
  --under_way_;
}

void Daemon::begin_checkpoint() {
  begin([this] { return checkpoint(); });
}

Task<> Daemon::checkpoint() {
  (void)co_await engine_->checkpoint();
  --under_way_;
}

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
  const Txn last = head_;
  const auto stopped = co_await engine_->stop();
  if (stopped && !killed_) {
    if (auto wrong = shared_.history.on_acknowledged(epoch_, last)) {
      shared_.verdict.violation(name_ + ": " + *wrong);
    }
  } else if (!killed_ && !failed()) {
    shared_.verdict.violation(name_ + " does not stop cleanly: " + stopped.error().message());
  }
  phase_ = Phase::kEnded;
  --under_way_;
}

}  // namespace cairn::sim
