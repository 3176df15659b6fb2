#include "tests/sim/engine_daemon.h"

#include "fsd/format/keys.h"
#include "fsd/format/segment_record.h"

namespace cairn::sim {

using engine::DataRef;

namespace {
constexpr std::uint64_t kValueKeys = 12;
constexpr std::uint64_t kFileKeys = 6;
constexpr std::size_t kPiecesMax = 8;
}  // namespace

EngineDaemon::EngineDaemon(Life life, History<EngineState>& history)
    : Daemon(std::move(life), history), history_(history) {}

std::unique_ptr<Daemon> EngineWorkload::start(Life life) {
  auto daemon = std::make_unique<EngineDaemon>(std::move(life), history_);
  daemon->begin_open();
  return daemon;
}

Task<> EngineDaemon::on_live() {
  check_recovered();
  phase_ = Phase::kRunning;
  co_await check_bytes(head_);
}

// Runs in the core, in the same step in which open() ended: nothing has changed yet.
void EngineDaemon::check_recovered() {
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
  if (auto wrong = history_.on_recovered(epoch_, head_)) {
    violation(*wrong);
  }
  if (found != history_.state(head_).rendered(head_)) {
    violation("recovered a state that never was, at transaction " + std::to_string(head_));
  }
  std::map<Seq, std::uint64_t> live;
  (void)engine_->scan("s", "t", [&](std::string_view key, std::string_view value) {
    auto record = format::decode_segment_record(value);
    if (record && record->live > 0) live[Seq(format::key_u64(key, 0))] = record->live;
    return true;
  });
  if (live != history_.state(head_).references()) {
    violation("the segments' live bytes are not the references");
  }
}

/// Reads all that is referenced. What another operation drops meanwhile does not count.
Task<> EngineDaemon::check_bytes(Txn txn) {
  std::vector<std::pair<std::string, Piece>> all;
  for (const auto& [key, pieces] : history_.state(txn).files) {
    for (const Piece& piece : pieces) all.emplace_back(key, piece);
  }
  for (const auto& [key, piece] : all) {
    std::string bytes(piece.bytes.size(), '?');
    const MutableByteView into(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    const auto done = co_await engine_->read(piece.at, into, nullptr);
    if (done && bytes == piece.bytes) continue;
    if (lost()) co_return;
    const auto& files = history_.state(head_).files;
    const auto file = files.find(key);
    bool still_there = false;
    if (file != files.end()) {
      for (const Piece& now : file->second)
        still_there |= now.at == piece.at && now.bytes == piece.bytes;
    }
    if (!still_there) continue;
    violation(std::string("reads ") + (done ? "wrong bytes" : done.error().message()) +
              " of segment " + std::to_string(piece.at.segment.value()) + " for transaction " +
              std::to_string(txn));
    co_return;
  }
}

std::string EngineDaemon::random_bytes() {
  // Now and then more than a frame, some of it compressible.
  const std::size_t size = 1 + random_.below(random_.one_in(20) ? 100'000 : 600);
  std::string bytes(size, static_cast<char>('a' + random_.below(26)));
  if (random_.one_in(2)) {
    random_.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  }
  return bytes;
}

void EngineDaemon::change_value(EngineState& state) {
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

void EngineDaemon::append_to(EngineState& state, const std::string& key) {
  auto& pieces = state.files[key];
  if (pieces.size() >= kPiecesMax) return drop_from(state, key);
  std::string bytes = random_bytes();
  const DataRef at = engine_->append(as_bytes(bytes));
  pieces.push_back({at, std::move(bytes)});
}

void EngineDaemon::overwrite_in(EngineState& state, const std::string& key) {
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

void EngineDaemon::drop_from(EngineState& state, const std::string& key) {
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

void EngineDaemon::change_something(EngineState& state) {
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

Task<> EngineDaemon::transaction(bool and_sync) {
  const auto admitted = co_await engine_->admit(500'000);
  if (admitted) {
    // From here to the next suspension is one transaction.
    EngineState state = history_.state(head_);
    for (std::uint64_t i = 1 + random_.below(4); i > 0; --i) change_something(state);
    head_ = history_.add(head_, std::move(state));
    engine_->put(kTxnKey, std::to_string(head_));
    const Txn mine = head_;
    if (and_sync) co_await sync_to(mine);
  }
}

Task<> EngineDaemon::sync_to(Txn txn) {
  const auto synced = co_await engine_->sync(engine_->open_segment());
  if (synced) {
    if (auto wrong = history_.on_acknowledged(epoch_, txn)) {
      violation(*wrong);
    }
  } else if (!failed() && !killed_) {
    violation(std::string("a sync fails: ") + synced.error().message());
  }
}

Task<> EngineDaemon::sync() { co_await sync_to(head_); }

Task<> EngineDaemon::read() { co_await check_bytes(head_); }

Task<Result<void>> EngineDaemon::stop() {
  const Txn last = head_;
  auto stopped = co_await engine_->stop();
  if (stopped && !killed_) {
    if (auto wrong = history_.on_acknowledged(epoch_, last)) violation(*wrong);
  }
  co_return stopped;
}

}  // namespace cairn::sim
