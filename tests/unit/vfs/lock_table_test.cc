#include "fsd/vfs/lock_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace cairn::vfs {
namespace {

constexpr Ino kFile{7};
constexpr Ino kOther{8};
constexpr auto kRead = LockType::kRead;
constexpr auto kWrite = LockType::kWrite;
constexpr auto kUnlock = LockType::kUnlock;

LockOwner owner(std::uint64_t number) { return {1, number}; }

RangeLock range(std::uint64_t who, LockType type, std::uint64_t start, std::uint64_t end) {
  return {type, start, end, owner(who), static_cast<std::uint32_t>(who)};
}

using Wait = Task<Result<void>>;

int code(Wait& task) {
  if (!task.done()) return -1;
  auto result = task.take();
  return result ? 0 : to_errno(result.error());
}

class Locks : public ::testing::Test {
 protected:
  int now(RangeLock lock, Ino ino = kFile, HandleId handle = HandleId{1}) {
    Wait task = table.set(ino, handle, lock, false, 0);
    return code(task);
  }
  Wait wait(RangeLock lock, Ino ino = kFile, std::uint64_t token = 0) {
    return table.set(ino, HandleId{lock.owner.owner}, lock, true, token);
  }
  int flock(std::uint64_t who, LockType type) {
    Wait task = table.set_flock(kFile, HandleId{who}, owner(who), type, false, 0);
    return code(task);
  }
  LockTable table;
};

TEST_F(Locks, ReadersShareAndWritersDoNot) {
  struct Case {
    LockType held, wanted;
    std::uint64_t start, end;
    int answer;
  };
  const Case cases[] = {
      {kRead, kRead, 10, 19, 0},
      {kRead, kWrite, 10, 19, EAGAIN},
      {kWrite, kRead, 10, 19, EAGAIN},
      {kWrite, kWrite, 10, 19, EAGAIN},
      {kWrite, kWrite, 0, 9, 0},
      {kWrite, kWrite, 20, UINT64_MAX, 0},
      {kWrite, kWrite, 19, 19, EAGAIN},
      {kWrite, kWrite, 0, 10, EAGAIN},
      {kWrite, kWrite, 0, UINT64_MAX, EAGAIN},
  };
  for (const Case& c : cases) {
    LockTable fresh;
    Wait held = fresh.set(kFile, HandleId{1}, range(1, c.held, 10, 19), false, 0);
    EXPECT_EQ(code(held), 0);
    Wait wanted = fresh.set(kFile, HandleId{2}, range(2, c.wanted, c.start, c.end), false, 0);
    EXPECT_EQ(code(wanted), c.answer) << c.start << " to " << c.end;
  }
}

TEST_F(Locks, TestNamesTheFirstConflictingLock) {
  EXPECT_EQ(now(range(1, kRead, 30, 39)), 0);
  EXPECT_EQ(now(range(1, kWrite, 10, 19)), 0);
  auto found = table.test(kFile, range(2, kWrite, 0, UINT64_MAX));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->type, kWrite);
  EXPECT_EQ(found->start, 10U);
  EXPECT_EQ(found->end, 19U);
  EXPECT_EQ(found->pid, 1U);
  EXPECT_EQ(table.test(kFile, range(2, kRead, 20, 50))->type, kUnlock);
  EXPECT_EQ(table.test(kFile, range(1, kWrite, 0, 50))->type, kUnlock)
      << "one's own is no conflict";
  EXPECT_EQ(to_errno(table.test(kFile, range(1, kRead, 5, 4)).error()), EINVAL);
  EXPECT_EQ(now(range(1, kRead, 5, 4)), EINVAL);
}

TEST_F(Locks, UnlockingTheMiddleLeavesBothEnds) {
  EXPECT_EQ(now(range(1, kWrite, 0, 99)), 0);
  EXPECT_EQ(now(range(1, kUnlock, 40, 59)), 0);
  EXPECT_EQ(now(range(2, kWrite, 40, 59)), 0);
  EXPECT_EQ(now(range(3, kRead, 39, 39)), EAGAIN);
  EXPECT_EQ(now(range(3, kRead, 60, 60)), EAGAIN);
}

TEST_F(Locks, UpgradeFailsWhileAnotherReads) {
  EXPECT_EQ(now(range(1, kRead, 0, 9)), 0);
  EXPECT_EQ(now(range(2, kRead, 5, 14)), 0);
  EXPECT_EQ(now(range(1, kWrite, 0, 9)), EAGAIN);
  EXPECT_EQ(now(range(1, kWrite, 0, 4)), 0);
  EXPECT_EQ(now(range(2, kRead, 0, 0)), EAGAIN);
}

TEST_F(Locks, WaiterGetsTheLockWhenItIsFreed) {
  EXPECT_EQ(now(range(1, kWrite, 0, 9)), 0);
  Wait waiter = wait(range(2, kRead, 5, 5));
  EXPECT_EQ(code(waiter), -1);
  EXPECT_EQ(now(range(1, kUnlock, 0, 4)), 0);
  EXPECT_EQ(code(waiter), -1);
  EXPECT_EQ(now(range(1, kRead, 5, 9)), 0) << "a downgrade frees it too";
  EXPECT_EQ(code(waiter), 0);
}

TEST_F(Locks, ReadersThatKeepComingDoNotStarveAWriter) {
  EXPECT_EQ(now(range(1, kRead, 0, 9)), 0);
  Wait writer = wait(range(2, kWrite, 0, 9));
  Wait reader = wait(range(3, kRead, 0, 9));
  EXPECT_EQ(code(reader), -1) << "queues behind the writer";
  EXPECT_EQ(now(range(4, kRead, 0, 9)), 0) << "who does not wait asks only whether it is free";
  EXPECT_EQ(now(range(4, kUnlock, 0, 9)), 0);
  EXPECT_EQ(now(range(1, kUnlock, 0, 9)), 0);
  EXPECT_EQ(code(writer), 0);
  EXPECT_EQ(code(reader), -1);
  EXPECT_EQ(now(range(2, kUnlock, 0, 9)), 0);
  EXPECT_EQ(code(reader), 0);
}

TEST_F(Locks, WaitersAreServedInTheOrderOfArrival) {
  EXPECT_EQ(now(range(1, kWrite, 0, 9)), 0);
  std::vector<Wait> waiters;
  for (std::uint64_t who = 2; who < 6; ++who) waiters.push_back(wait(range(who, kWrite, 0, 9)));
  for (std::uint64_t who = 2; who < 6; ++who) {
    EXPECT_EQ(now(range(who - 1, kUnlock, 0, 9)), 0);
    for (std::uint64_t i = 2; i < 6; ++i) EXPECT_EQ(waiters[i - 2].done(), i <= who);
  }
}

TEST_F(Locks, ALoopOfOwnersIsADeadlock) {
  EXPECT_EQ(now(range(1, kWrite, 0, 0)), 0);
  EXPECT_EQ(now(range(2, kWrite, 1, 1)), 0);
  EXPECT_EQ(now(range(3, kWrite, 0, 9), kOther), 0);
  Wait first = wait(range(1, kWrite, 1, 1));
  Wait second = wait(range(2, kWrite, 4, 4), kOther);
  Wait third = wait(range(3, kRead, 0, 0));
  EXPECT_EQ(code(third), EDEADLK) << "1 waits for 2, 2 for 3, 3 would wait for 1";
  EXPECT_EQ(now(range(3, kUnlock, 0, 9), kOther), 0);
  EXPECT_EQ(code(second), 0);
  EXPECT_EQ(code(first), -1);
  table.drop_owner(kFile, owner(2));
  EXPECT_EQ(code(first), 0);
}

TEST_F(Locks, TwoUpgradesDeadlock) {
  EXPECT_EQ(now(range(1, kRead, 0, 9)), 0);
  EXPECT_EQ(now(range(2, kRead, 0, 9)), 0);
  Wait first = wait(range(1, kWrite, 0, 9));
  Wait second = wait(range(2, kWrite, 0, 9));
  EXPECT_EQ(code(second), EDEADLK);
  table.drop_owner(kFile, owner(2));
  EXPECT_EQ(code(first), 0);
}

TEST_F(Locks, AHolderPassesTheOneWhoWaitsForHim) {
  EXPECT_EQ(now(range(1, kRead, 0, 9)), 0);
  Wait writer = wait(range(2, kWrite, 0, 19));
  Wait more = wait(range(1, kRead, 10, 19));
  EXPECT_EQ(code(more), 0) << "or both would wait for ever";
  table.drop_owner(kFile, owner(1));
  EXPECT_EQ(code(writer), 0);
}

TEST_F(Locks, ALoopThroughAQueueIsNoDeadlock) {
  // 3 holds a lock that 1 will want; 1 reads; 2 wants to write; 3 wants to read and queues
  // behind 2.
  EXPECT_EQ(now(range(3, kWrite, 0, 0), kOther), 0);
  EXPECT_EQ(now(range(1, kRead, 0, 9)), 0);
  Wait writer = wait(range(2, kWrite, 0, 9));
  Wait queued = wait(range(3, kRead, 0, 9));
  EXPECT_EQ(code(queued), -1);
  Wait closes = wait(range(1, kRead, 0, 0), kOther);
  EXPECT_EQ(closes.done(), false);
  EXPECT_EQ(code(queued), 0) << "only the queue held it up, and that closed a loop";
  EXPECT_EQ(now(range(3, kUnlock, 0, 0), kOther), 0);
  EXPECT_EQ(code(closes), 0);
  table.drop_owner(kFile, owner(1));
  EXPECT_EQ(code(writer), -1);
  table.drop_owner(kFile, owner(3));
  EXPECT_EQ(code(writer), 0);
}

TEST_F(Locks, AWaiterWhoseLastHolderGoesIsNotLeftBehindAQueueThatWaitsForIt) {
  EXPECT_EQ(now(range(1, kRead, 0, 4)), 0);
  EXPECT_EQ(now(range(4, kWrite, 8, 9)), 0);
  Wait writer = wait(range(2, kWrite, 0, 6));  // for 1
  Wait both = wait(range(1, kRead, 5, 9));     // for 4, and behind 2
  EXPECT_EQ(code(both), -1);
  EXPECT_EQ(now(range(4, kUnlock, 8, 9)), 0);
  EXPECT_EQ(code(both), 0);
  EXPECT_EQ(code(writer), -1);
  table.drop_owner(kFile, owner(1));
  EXPECT_EQ(code(writer), 0);
}

TEST_F(Locks, ACancelledWaitEndsWithEintrAndLetsThoseBehindGo) {
  EXPECT_EQ(now(range(1, kRead, 0, 9)), 0);
  Wait writer = wait(range(2, kWrite, 0, 9), kFile, 77);
  Wait reader = wait(range(3, kRead, 0, 9));
  table.cancel_wait(76);
  table.cancel_wait(0);
  EXPECT_EQ(code(writer), -1);
  table.cancel_wait(77);
  EXPECT_EQ(code(writer), EINTR);
  EXPECT_EQ(code(reader), 0);
  table.cancel_wait(77);
}

TEST_F(Locks, LocksGoWithTheirHandleAndTheirClient) {
  EXPECT_EQ(now(range(1, kWrite, 0, 4), kFile, HandleId{1}), 0);
  EXPECT_EQ(now(range(1, kWrite, 5, 9), kFile, HandleId{2}), 0);
  Wait waits = wait(range(3, kWrite, 0, 9));
  table.drop_handle(kFile, HandleId{1});
  EXPECT_EQ(now(range(2, kRead, 5, 5)), EAGAIN);
  EXPECT_EQ(now(range(2, kRead, 4, 4)), 0);
  table.drop_handle(kFile, HandleId{3});
  EXPECT_EQ(code(waits), EINTR);

  RangeLock of_another = range(9, kWrite, 20, 29);
  of_another.owner.client = 5;
  EXPECT_EQ(now(of_another), 0);
  Wait for_it = wait(range(1, kRead, 20, 20));
  table.drop_client(5);
  EXPECT_EQ(code(for_it), 0);
  table.drop_client(1);
  EXPECT_EQ(table.test(kFile, range(99, kWrite, 0, UINT64_MAX))->type, kUnlock);
}

TEST_F(Locks, NumberOfLocksIsBounded) {
  for (std::uint64_t i = 0; i < kLocksPerOwnerMax; ++i) {
    ASSERT_EQ(now(range(1, kRead, 2 * i, 2 * i)), 0);
  }
  EXPECT_EQ(now(range(1, kRead, 1'000'000, 1'000'000)), ENOLCK);
  EXPECT_EQ(now(range(2, kRead, 1'000'000, 1'000'000)), 0);
  EXPECT_EQ(now(range(1, kRead, 0, 999'999)), 0) << "merges them all";
  EXPECT_EQ(now(range(1, kRead, 1'000'001, 1'000'001)), 0);
}

TEST_F(Locks, FlockIsApartFromByteRanges) {
  EXPECT_EQ(now(range(1, kWrite, 0, UINT64_MAX)), 0);
  EXPECT_EQ(flock(2, kWrite), 0);
  EXPECT_EQ(flock(3, kRead), EAGAIN);
  table.drop_owner(kFile, owner(2));
  EXPECT_EQ(flock(3, kRead), EAGAIN) << "close of one descriptor does not end flock";
  table.drop_handle(kFile, HandleId{2});
  EXPECT_EQ(flock(3, kRead), 0);
}

TEST_F(Locks, AFlockThatCannotBeConvertedIsLost) {
  EXPECT_EQ(flock(1, kRead), 0);
  EXPECT_EQ(flock(2, kRead), 0);
  EXPECT_EQ(flock(1, kWrite), EAGAIN);
  EXPECT_EQ(flock(2, kWrite), 0) << "1 has nothing any more";
  Wait waiter = table.set_flock(kFile, HandleId{1}, owner(1), kWrite, true, 5);
  EXPECT_EQ(code(waiter), -1);
  EXPECT_EQ(flock(2, kRead), EAGAIN) << "the one who waited got it in between";
  EXPECT_EQ(code(waiter), 0);
  EXPECT_EQ(flock(1, kUnlock), 0);
  EXPECT_EQ(flock(1, kUnlock), 0);
}

// Against a model in which every byte of a small file knows its lock.
struct Model {
  static constexpr std::uint64_t kBytes = 12;
  static constexpr std::uint64_t kOwners = 4;
  struct Byte {
    LockType type = kUnlock;
    std::uint64_t handle = 0;
  };
  std::array<std::array<Byte, kBytes>, kOwners> bytes{};

  [[nodiscard]] bool conflicts(const RangeLock& lock, std::uint64_t at) const {
    if (lock.type == kUnlock) return false;
    for (std::uint64_t who = 0; who < kOwners; ++who) {
      const LockType held = bytes[who][at].type;
      if (who != lock.owner.owner && held != kUnlock && (held == kWrite || lock.type == kWrite)) {
        return true;
      }
    }
    return false;
  }
  [[nodiscard]] bool free(const RangeLock& lock) const {
    for (std::uint64_t at = lock.start; at <= std::min(lock.end, kBytes - 1); ++at) {
      if (conflicts(lock, at)) return false;
    }
    return true;
  }
  void set(const RangeLock& lock, std::uint64_t handle) {
    for (std::uint64_t at = lock.start; at <= std::min(lock.end, kBytes - 1); ++at) {
      bytes[lock.owner.owner][at] = {lock.type, handle};
    }
  }
};

struct Waiting {
  Wait task;
  RangeLock lock;
  std::uint64_t handle;
  bool answered = false;
};

void compare(const LockTable& table, const Model& model) {
  for (std::uint64_t who = 0; who < Model::kOwners; ++who) {
    for (std::uint64_t at = 0; at < Model::kBytes; ++at) {
      for (LockType type : {kRead, kWrite}) {
        const RangeLock probe{type, at, at, owner(who), 0};
        ASSERT_EQ(table.test(kFile, probe)->type != kUnlock, model.conflicts(probe, at))
            << "owner " << who << " byte " << at;
      }
    }
  }
}

/// A seed's history of locks, waits and closes, on the table and on the model at once.
class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed), threads_(seed % 4 == 0) {}

  void step() {
    const Choice choice = choose();
    if (below(20) == 0) {
      drop_owner(choice);
    } else if (below(20) == 0) {
      drop_handle(choice);
    } else if (choice.busy && (!threads_ || choice.unordered)) {
      return;  // a thread that waits does nothing else
    } else if (below(2) == 0) {
      ASSERT_NO_FATAL_FAILURE(try_lock(choice));
    } else {
      ASSERT_NO_FATAL_FAILURE(lock_or_wait(choice));
    }
    collect();
    ASSERT_NO_FATAL_FAILURE(compare(table_, model_));
    // Somebody can always go on: not all of the owners wait, or the oldest waiter would have gone.
    if (!threads_) {
      ASSERT_LT(waiting_.size(), Model::kOwners);
    }
  }

  void end() {
    for (std::size_t i = 0, most = waiting_.size() + 1; i < most; ++i) {
      for (std::uint64_t who = 0; who < Model::kOwners; ++who) {
        table_.drop_owner(kFile, owner(who));
      }
    }
    for (Waiting& w : waiting_) EXPECT_TRUE(w.task.done()) << "nobody is left waiting";
  }

 private:
  struct Choice {
    std::uint64_t who;
    RangeLock lock;
    std::uint64_t handle;
    bool busy;       // that owner waits already
    bool unordered;  // for the same bytes: which came last could not be told
  };

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  Choice choose() {
    const std::uint64_t who = below(Model::kOwners);
    const std::uint64_t start = below(Model::kBytes);
    std::uint64_t end = start + below(Model::kBytes - start);
    if (end == Model::kBytes - 1) end = UINT64_MAX;  // the last byte stands for all the rest
    Choice choice{
        who, {static_cast<LockType>(below(3)), start, end, owner(who), 0}, 0, false, false};
    choice.handle = 1 + 2 * who + below(2);
    for (const Waiting& w : waiting_) {
      if (w.lock.owner != owner(who)) continue;
      choice.busy = true;
      if (w.lock.start <= end && start <= w.lock.end) choice.unordered = true;
    }
    return choice;
  }

  void drop_owner(const Choice& choice) {
    model_.set({kUnlock, 0, UINT64_MAX, owner(choice.who), 0}, 0);
    table_.drop_owner(kFile, owner(choice.who));
  }

  void drop_handle(const Choice& choice) {
    for (auto& byte : model_.bytes[choice.who]) {
      if (byte.handle == choice.handle) byte = {};
    }
    table_.drop_handle(kFile, HandleId{choice.handle});
    std::erase_if(waiting_, [&](Waiting& w) {
      if (w.handle != choice.handle) return false;
      EXPECT_TRUE(w.task.done());
      EXPECT_EQ(code(w.task), EINTR);
      return true;
    });
  }

  void try_lock(const Choice& choice) {
    const bool free = model_.free(choice.lock);
    Wait task = table_.set(kFile, HandleId{choice.handle}, choice.lock, false, 0);
    ASSERT_EQ(code(task), free ? 0 : EAGAIN);
    if (free) model_.set(choice.lock, choice.handle);
  }

  void lock_or_wait(const Choice& choice) {
    Wait task = table_.set(kFile, HandleId{choice.handle}, choice.lock, true, 0);
    const bool done = task.done();
    const int answer = code(task);
    if (answer == EDEADLK) {
      ASSERT_FALSE(model_.free(choice.lock));
    } else {
      ASSERT_EQ(answer, done ? 0 : -1);
      waiting_.push_back({std::move(task), choice.lock, choice.handle, done});
    }
  }

  // Grants may depend on each other (one turns its write lock into a read lock, which lets another
  // read): there must be an order in which all were free.
  void collect() {
    auto granted = [&](Waiting& w) {
      if (!w.task.done() || !model_.free(w.lock)) return false;
      if (!w.answered) {
        EXPECT_EQ(code(w.task), 0);
      }
      model_.set(w.lock, w.handle);
      return true;
    };
    while (std::erase_if(waiting_, granted) > 0) continue;
    for (Waiting& w : waiting_) EXPECT_FALSE(w.task.done()) << "granted, though not free";
  }

  std::mt19937_64 random_;
  const bool threads_;  // an owner may wait in several threads
  LockTable table_;
  Model model_;
  std::vector<Waiting> waiting_;
};

void random_history(std::uint64_t seed) {
  History history(seed);
  for (int step = 0; step < 120; ++step) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(step));
    ASSERT_NO_FATAL_FAILURE(history.step());
  }
  history.end();
}

TEST(LocksAgainstAModel, EveryByteKnowsItsLock) {
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    random_history(seed);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cairn::vfs
