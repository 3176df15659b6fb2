// The life of a daemon with a POSIX core: what it finds, what it promises, how it ends.

#include "tests/sim/core_daemon.h"

#include <sys/stat.h>

#include "fsd/runtime/await.h"
#include "tests/support/reference_compare.h"
#include "tests/support/volume_audit.h"

namespace cairn::sim {

using testing::SeededRandom;

CoreWorkload::CoreWorkload(std::uint64_t seed) {
  SeededRandom random(seed ^ 0xF11E5);
  const std::size_t steps[] = {2, 3, 8, 1024};
  settings_.fs.extents_per_step = steps[random.below(4)];
  const std::uint64_t bytes[] = {300'000, 2'000'000, UINT64_MAX, UINT64_MAX};
  settings_.fs.bytes_max = bytes[random.below(4)];
  const std::uint64_t seals[] = {0, 2, 10, 50};
  settings_.seal_one_in = seals[random.below(4)];
  const std::uint64_t waits[] = {0, 2, 5, 30};
  settings_.wait_one_in = waits[random.below(4)];
}

std::unique_ptr<Daemon> CoreWorkload::start(Life life) {
  auto daemon = std::make_unique<CoreDaemon>(std::move(life), history_, settings_);
  daemon->begin_open();
  return daemon;
}

CoreDaemon::CoreDaemon(Life life, History<ReferenceFs>& history, CoreSettings settings)
    : Daemon(std::move(life), history), history_(history), settings_(settings) {}

CoreDaemon::Kept::Kept(CoreDaemon& daemon, std::initializer_list<NodeId> nodes)
    : daemon_(daemon), nodes_(nodes) {
  for (const NodeId id : nodes_) {
    daemon_.now_.hold(id);
    daemon_.fs_->remember(Ino(id));
  }
}

CoreDaemon::Kept::~Kept() {
  for (const NodeId id : nodes_) {
    daemon_.now_.let_go(id);
    daemon_.fs_->forget(Ino(id), 1);
  }
}

/// In the step in which the engine has opened: nothing has changed yet.
bool CoreDaemon::recover() {
  const auto tag = engine_->find(TaggedVolume::kTag);
  if (!tag) {
    failure_ = tag.error();
    return false;
  }
  head_ = *tag ? std::stoull(**tag) : 0;
  shared_.verdict.say(name_ + " is live in epoch " + std::to_string(epoch_.value()) +
                      " at transaction " + std::to_string(head_));
  if (auto wrong = history_.on_recovered(epoch_, head_)) violation(*wrong);
  if (auto wrong = testing::audit(*engine_, true)) violation("finds that " + *wrong);
  now_ = history_.state(head_);
  now_.let_all_go();
  return true;
}

Task<> CoreDaemon::on_live() {
  if (recover()) {
    volume_ = std::make_unique<TaggedVolume>(
        *engine_, shared_.sim,
        TaggedVolume::Events{
            .on_begin = [this] { return on_begin(); },
            .on_violation = [this](const std::string& wrong) { violation(wrong); }});
    volume_->before_admit = [this] { return before_admit(); };
    auto opened = co_await vfs::Vfs::open(shared_.sim.runtime(), *volume_, settings_.fs);
    if (opened) {
      fs_ = std::move(*opened);
      co_await compare_all();
    } else {
      if (!lost()) violation("the files cannot be opened: " + opened.error().message());
      failure_ = opened.error();
    }
  }
  phase_ = Phase::kRunning;
}

/// Nothing else may go on.
Task<> CoreDaemon::compare_all() {
  comparing_ = true;
  const ReferenceFs should_be = now_;
  auto difference = co_await testing::compare(*fs_, should_be);
  comparing_ = false;
  if (difference && !lost()) violation(*difference + ", at transaction " + std::to_string(head_));
}

Txn CoreDaemon::on_begin() {
  head_ = history_.add(head_, now_);
  not_durable_.emplace_back(head_, engine_->open_segment());
  return head_;
}

/// An admit may find the open segment full and close it, or have to wait. This makes both happen
/// more often.
Duration CoreDaemon::before_admit() {
  if (random_.one_in(settings_.seal_one_in)) seal().detach();
  if (!random_.one_in(settings_.wait_one_in)) return {};
  return std::chrono::milliseconds(1 + random_.below(random_.one_in(5) ? 3000 : 30));
}

Task<> CoreDaemon::seal() {
  ++under_way_;
  (void)co_await engine_->sync(engine_->open_segment());
  --under_way_;
}

void CoreDaemon::acknowledged(Txn txn) {
  if (auto wrong = history_.on_acknowledged(epoch_, txn)) violation(*wrong);
}

void CoreDaemon::believe_what_is_durable() {
  Txn last = 0;
  while (!not_durable_.empty() && not_durable_.front().second < engine_->durable_end()) {
    last = not_durable_.front().first;
    not_durable_.pop_front();
  }
  if (last != 0) acknowledged(last);
}

Task<> CoreDaemon::sync_all() {
  const Txn upto = head_;
  const auto done = co_await fs_->sync_all();
  if (done) acknowledged(upto);
  if (!done && !lost()) violation("a sync fails: " + done.error().message());
  believe_what_is_durable();
}

Task<> CoreDaemon::sync_node(NodeId id) {
  const Kept kept(*this, {id});
  const auto changed = changed_.find(id);
  const Txn upto = changed == changed_.end() ? 0 : changed->second;
  const auto done = co_await fs_->fsync(Ino(id), random_.one_in(2));
  if (done) acknowledged(upto);
  if (!done && !lost()) violation("an fsync fails: " + done.error().message());
  believe_what_is_durable();
}

Task<> CoreDaemon::transaction(bool and_sync) {
  if (comparing_ || !fs_) co_return;
  if (cleared_) {
    const At at{ReferenceFs::kRoot, "t" + std::to_string(random_.next())};
    co_await make(at);
    co_await remove_leaf(at);
  }
  for (std::uint64_t i = 2 + random_.below(14); i > 0 && !cleared_ && !lost(); --i) {
    co_await operate();
  }
  if (and_sync) co_await sync();
}

Task<> CoreDaemon::sync() {
  if (!fs_) co_return;
  const NodeId some =
      changed_.empty()
          ? 0
          : std::next(changed_.begin(), static_cast<std::ptrdiff_t>(random_.below(changed_.size())))
                ->first;
  if (some != 0 && now_.contains(some) && !random_.one_in(3)) {
    co_await sync_node(some);
  } else {
    co_await sync_all();
  }
}

Task<> CoreDaemon::read() {
  if (!fs_ || comparing_) co_return;
  if (auto wrong = testing::audit(*engine_, false)) {
    if (!lost()) violation("there is a moment in which " + *wrong);
  }
  for (const NodeId id : now_.nodes()) look_at(id);
  if (under_way_ == 1) {
    co_await compare_all();
  } else if (!files_.empty()) {
    co_await read_file(random_.below(files_.size()));
  }
}

Task<> CoreDaemon::remove_leaf(At at) {
  const NodeId id = now_.contains(at.directory) ? now_.find(at) : 0;
  if (id == 0) co_return;  // somebody else has removed it
  const bool directory = S_ISDIR(now_.node(id).mode);
  if (directory) {
    co_await remove_directory(at);
  } else {
    co_await unlink(at);
  }
}

Task<> CoreDaemon::clear() {
  cleared_ = true;
  for (std::size_t i = files_.size(); i > 0; --i) co_await close_file(i - 1);
  for (;;) {
    std::vector<At> leaves;
    for (const NodeId id : now_.nodes()) {
      for (const auto& [name, child] : now_.node(id).entries) {
        if (now_.node(child).entries.empty()) leaves.push_back({id, name});
      }
    }
    if (leaves.empty() || lost()) break;
    for (const At& at : leaves) co_await remove_leaf(at);
  }
  const auto attributes = now_.node(ReferenceFs::kRoot).xattrs;
  for (const auto& [name, value] : attributes) co_await remove_attribute(name);
  co_await sync_all();
}

Task<> CoreDaemon::remove_attribute(std::string name) {
  constexpr NodeId kRoot = ReferenceFs::kRoot;
  Txn txn = 0;
  auto got = co_await perform(&txn, [&] { return fs_->remove_xattr({}, vfs::kRootIno, name); });
  ReferenceFs next = now_;
  const bool acl = name.starts_with("system.");
  const int want =
      acl ? next.set_acl(kRoot, name, vfs::Acl({})) : next.remove_xattr({}, kRoot, name);
  conclude("remove " + name, outcome(got), want, txn, std::move(next), {kRoot});
}

void CoreDaemon::check_cleared() {
  shared_.sim.in_core([this] {
    if (auto wrong = testing::audit(*engine_, true)) violation("in the end " + *wrong);
    if (auto wrong = testing::find_leftovers(*engine_)) violation("in the end " + *wrong);
    const vfs::FilesystemStats stats = fs_->stats();
    if (stats.inodes_used != 1 || stats.bytes_used != 0) {
      violation("of an empty volume " + std::to_string(stats.inodes_used) + " inodes and " +
                std::to_string(stats.bytes_used) + " bytes are counted");
    }
  });
}

Task<Result<void>> CoreDaemon::stop() {
  Result<void> stopped;
  const bool dead = killed_ || failed();
  if (dead) stopped = co_await engine_->stop();  // so that what waits for it goes on, and ends
  while (under_way_ > 1) {
    co_await SleepFor(shared_.sim.runtime().timers, std::chrono::milliseconds(10));
  }
  if (fs_) co_await fs_->stop();
  if (dead) co_return stopped;
  const Txn last = head_;
  stopped = co_await engine_->stop();
  if (stopped && !killed_) acknowledged(last);
  believe_what_is_durable();
  co_return stopped;
}

}  // namespace cairn::sim
