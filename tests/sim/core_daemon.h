#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fsd/vfs/vfs.h"
#include "tests/sim/daemon.h"
#include "tests/sim/tagged_volume.h"
#include "tests/support/reference_fs.h"

namespace cairn::sim {

/// What the seed chose for the POSIX cores of a world.
struct CoreSettings {
  vfs::Vfs::Options fs;
  std::uint64_t seal_one_in = 0;  // admissions that find the open segment sealed
  std::uint64_t wait_one_in = 0;  // ... that have to wait
};

/// A daemon with a POSIX core on its engine, and clients who do all that one can do with files.
/// What each operation does is done once more to a ReferenceFs at the moment at which it takes
/// effect, which is when its Task ends: after admit() nothing suspends it. So the state after each
/// transaction is known, and a tag in the transaction says later which of them was the last.
///
/// A client is a coroutine that does a few operations. What it uses by number it remembers
/// meanwhile, as a door does. Files that it leaves open stay so for others.
/// Lifetime, threads: as Daemon.
class CoreDaemon final : public Daemon {
 public:
  CoreDaemon(Life life, History<testing::ReferenceFs>& history, CoreSettings settings);
  void check_cleared() override;

 private:
  using ReferenceFs = testing::ReferenceFs;
  using NodeId = ReferenceFs::NodeId;
  using At = ReferenceFs::At;
  struct OpenFile {
    vfs::HandleId id;
    NodeId node = 0;
    int flags = 0;
    std::uint32_t users = 0;  // operations under way with it
  };
  class Kept;
  class Using;

  // Its life (core_daemon.cc).
  Task<> on_live() override;
  Task<> transaction(bool and_sync) override;
  Task<> sync() override;
  Task<> read() override;
  Task<> clear() override;
  Task<Result<void>> stop() override;
  bool recover();
  Task<> compare_all();
  Txn on_begin();
  void acknowledged(Txn txn);
  void believe_what_is_durable();
  Task<> sync_all();
  Task<> sync_node(NodeId id);
  Duration before_admit();
  Task<> seal();
  Task<> remove_leaf(At at);
  Task<> remove_attribute(std::string name);

  // Operations (core_operations.cc, core_file_operations.cc): each draws what it does.
  Task<> operate();
  Task<> make(At at);
  Task<> make_symlink(At at);
  Task<> link(At to);
  Task<> unlink(At at);
  Task<> remove_directory(At at);
  Task<> rename(At from, At to, unsigned flags);
  Task<> change_attributes(NodeId id);
  Task<> change_xattr(NodeId id);
  Task<> change_acl(NodeId id);
  void look_at(NodeId id);
  Task<> list(NodeId id);
  Task<> create(At at);
  Task<> make_tmpfile(NodeId directory);
  Task<> open_file(NodeId id);
  Task<> close_file(std::size_t index);
  Task<> operate_on_file();
  Task<> write(std::size_t index);
  Task<> read_file(std::size_t index);
  Task<> allocate(std::size_t index);
  Task<> truncate(std::size_t index);
  Task<> copy(std::size_t from, std::size_t to);
  Task<> seek(std::size_t index);

  /// Begins an operation whose transaction's number is to be known.
  template <class F>
  auto perform(Txn* txn, F start);
  /// It has ended: was that right, and what is the state now? True if it did something.
  bool conclude(const std::string& what, int got, int want, Txn txn, ReferenceFs next,
                std::initializer_list<NodeId> changed);
  void check_read(const OpenFile& file, std::uint64_t offset, const std::string& got, Txn since);
  void add_file(vfs::HandleId handle, NodeId node, int flags);
  [[nodiscard]] std::vector<NodeId> find_nodes(std::uint32_t type) const;
  NodeId draw_node(std::uint32_t type);  // 0 for none
  At draw_place();
  std::string draw_bytes();
  std::uint64_t draw_offset();

  History<ReferenceFs>& history_;
  CoreSettings settings_;
  std::unique_ptr<TaggedVolume> volume_;
  std::unique_ptr<vfs::Vfs> fs_;
  Txn head_ = 0;
  ReferenceFs now_;
  std::deque<std::pair<Txn, Seq>> not_durable_;  // transactions, each with its segment
  std::map<NodeId, Txn> changed_;                // by which transaction of this life
  std::vector<OpenFile> files_;
  bool comparing_ = false;
  bool cleared_ = false;
};

/// Remembers nodes while an operation uses them by number.
class CoreDaemon::Kept {
 public:
  Kept(CoreDaemon& daemon, std::initializer_list<NodeId> nodes);
  Kept(const Kept&) = delete;
  ~Kept();

 private:
  CoreDaemon& daemon_;
  std::vector<NodeId> nodes_;
};

template <class F>
auto CoreDaemon::perform(Txn* txn, F start) {
  volume_->expect(txn);
  auto task = start();
  volume_->expect(nullptr);
  if (!task.done()) shared_.verdict.say("  " + name_ + ": an operation waits");
  return task;
}

template <class T>
int outcome(const Result<T>& result) {
  return result ? 0 : to_errno(result.error());
}

class CoreWorkload final : public Workload {
 public:
  explicit CoreWorkload(std::uint64_t seed);
  std::unique_ptr<Daemon> start(Life life) override;
  [[nodiscard]] std::size_t transactions() const override { return history_.size() - 1; }
  [[nodiscard]] bool clears() const override { return true; }

 private:
  History<testing::ReferenceFs> history_;
  CoreSettings settings_;
};

}  // namespace cairn::sim
