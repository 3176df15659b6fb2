#include "fsd/frontends/fuse/invalidator.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "fsd/base/log.h"
#include "fsd/frontends/fuse/fuse_api.h"

namespace cairn::fuse {

void Invalidator::start(fuse_session* session) {
  std::lock_guard lock(mutex_);
  session_ = session;
  running_ = true;
  // tidy-allow(thread): the kernel may let it wait for a request in flight
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "cairn-fuse-inv");
    run();
  });
}

void Invalidator::stop() {
  {
    std::lock_guard lock(mutex_);
    if (!running_) return;
    running_ = false;
    queue_.clear();
    inodes_.clear();
  }
  ready_.notify_all();
  thread_.join();
  core_.dispatch([progress = progress_] {
    progress->done = UINT64_MAX;
    progress->changed.notify_all();
  });
}

void Invalidator::on_entry_changed(Ino parent, std::string_view name, std::uint64_t origin) {
  if (origin == own_client_) return;
  std::lock_guard lock(mutex_);
  if (!push(Change{Kind::kEntry, parent, std::string(name), -1, 0})) return;
  ready_.notify_one();
}

void Invalidator::on_attributes_changed(Ino ino, std::uint64_t origin) {
  if (origin != own_client_) queue_inode(ino, -1, 0);
}

void Invalidator::on_data_changed(Ino ino, std::uint64_t offset, std::uint64_t length,
                                  std::uint64_t origin) {
  if (origin == own_client_) return;
  const bool to_the_end =
      length == 0 || length > INT64_MAX - std::min<std::uint64_t>(offset, INT64_MAX);
  queue_inode(ino, static_cast<std::int64_t>(std::min<std::uint64_t>(offset, INT64_MAX)),
              to_the_end ? 0 : static_cast<std::int64_t>(length));
}

void Invalidator::queue_inode(Ino ino, std::int64_t offset, std::int64_t length) {
  std::lock_guard lock(mutex_);
  auto found = inodes_.find(ino);
  if (found == inodes_.end()) {
    const std::size_t place = queue_.size();
    if (!push(Change{Kind::kInode, ino, {}, offset, length})) return;
    inodes_.emplace(ino, place);
    ready_.notify_one();
    return;
  }
  // Not told yet: widen it. Two ranges become the whole file.
  Change& waiting = queue_[found->second];
  if (waiting.offset < 0) {
    waiting.offset = offset;
    waiting.length = length;
  } else if (offset >= 0 && (offset != waiting.offset || length != waiting.length)) {
    waiting.offset = 0;
    waiting.length = 0;
  }
}

bool Invalidator::push(Change change) {
  if (!running_) return false;
#if CAIRN_FUSE_AT_LEAST(3, 17)
  if (change.kind == Kind::kEntry && queue_.size() >= kQueueMax) {
    if (queue_.back().kind == Kind::kAllEntries) return true;
    change = Change{Kind::kAllEntries, {}, {}, -1, 0};
  }
#endif
  queue_.push_back(std::move(change));
  ++queued_;
  return true;
}

void Invalidator::run() {
  std::deque<Change> batch;
  for (;;) {
    std::uint64_t upto = 0;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return !running_ || !queue_.empty(); });
      if (!running_) return;
      batch.swap(queue_);
      inodes_.clear();
      upto = queued_;
    }
    for (const Change& change : batch) tell(change);
    batch.clear();
    core_.dispatch([progress = progress_, upto] {
      progress->done = std::max(progress->done, upto);
      progress->changed.notify_all();
    });
  }
}

void Invalidator::tell(const Change& change) {
  told_.fetch_add(1, std::memory_order_relaxed);
  int result = 0;
  switch (change.kind) {
    case Kind::kEntry:
      result = fuse_lowlevel_notify_inval_entry(session_, change.ino.value(), change.name.data(),
                                                change.name.size());
      break;
    case Kind::kInode:
      result = fuse_lowlevel_notify_inval_inode(session_, change.ino.value(), change.offset,
                                                change.length);
      break;
    case Kind::kAllEntries:
#if CAIRN_FUSE_AT_LEAST(3, 17)
      result = fuse_lowlevel_notify_increment_epoch(session_);
#endif
      break;
  }
  // ENOENT: the kernel holds nothing of it. ENOTCONN, ENODEV: unmounted.
  if (result != 0 && result != -ENOENT && result != -ENOTCONN && result != -ENODEV) {
    log::warn("fuse: the kernel did not take an invalidation: {}", std::strerror(-result));
  }
}

Task<> Invalidator::flush() {
  std::uint64_t upto = 0;
  {
    std::lock_guard lock(mutex_);
    if (!running_) co_return;
    upto = queued_;
  }
  const std::shared_ptr<Progress> progress = progress_;
  while (progress->done < upto) co_await progress->changed.wait();
}

}  // namespace cairn::fuse
