#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "fsd/runtime/await.h"
#include "fsd/vfs/types.h"

struct fuse_session;

namespace cairn::fuse {

/// Tells the kernel what others have changed, so that it may keep everything else for hours.
///
/// Telling can wait for a lock that a request in flight holds, so it is done by a thread of its
/// own, in order. Changes of one inode that wait together are told together. Past
/// kQueueMax distinct changes the kernel is told once to look up every name again
/// (where it can be: Linux 6.16), instead of name by name; the queue is bounded as well by those
/// who cause it, since each of them awaits flush() before he answers.
///
/// Lifetime: stop() before the session is destroyed; outlives the last call from the Vfs.
/// Threads: the listener's calls, flush() from the core; start() and stop() from outside it.
class Invalidator final : public vfs::ChangeListener {
 public:
  Invalidator(Strand& core, std::uint64_t own_client) : core_(core), own_client_(own_client) {}
  ~Invalidator() override { stop(); }

  void start(fuse_session* session);
  /// Changes are dropped from now on.
  void stop();

  void on_entry_changed(Ino parent, std::string_view name, std::uint64_t origin) override;
  void on_attributes_changed(Ino ino, std::uint64_t origin) override;
  void on_data_changed(Ino ino, std::uint64_t offset, std::uint64_t length,
                       std::uint64_t origin) override;

  /// Returns when the kernel knows of all changes up to now.
  Task<> flush();

  /// How many times the kernel was told something.
  [[nodiscard]] std::uint64_t told() const { return told_.load(std::memory_order_relaxed); }

  static constexpr std::size_t kQueueMax = 16384;

 private:
  enum class Kind : std::uint8_t { kEntry, kInode, kAllEntries };
  struct Change {
    Kind kind = Kind::kInode;
    Ino ino;  // the parent of an entry
    std::string name;
    std::int64_t offset = -1;  // -1: attributes only
    std::int64_t length = 0;   // 0: to the end
  };

  void queue_inode(Ino ino, std::int64_t offset, std::int64_t length);
  bool push(Change change);  // under mutex_
  void run();
  void tell(const Change& change);

  Strand& core_;
  const std::uint64_t own_client_;
  fuse_session* session_ = nullptr;

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Change> queue_;                     // guarded by mutex_
  std::unordered_map<Ino, std::size_t> inodes_;  // guarded by mutex_: place in queue_
  std::uint64_t queued_ = 0;                     // guarded by mutex_: batches asked for
  bool running_ = false;                         // guarded by mutex_
  std::thread thread_;  // tidy-allow(thread): may have to wait for a request in flight
  std::atomic<std::uint64_t> told_{0};

  /// Shared with what is dispatched into the core, which may run after stop().
  struct Progress {
    std::uint64_t done = 0;  // core only: changes told, counted as queued_
    Condition changed;       // core only
  };
  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
};

}  // namespace cairn::fuse
