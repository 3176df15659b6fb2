#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fsd/engine/engine.h"
#include "fsd/engine/volume_setup.h"
#include "fsd/format/names.h"
#include "fsd/index/memory_index.h"
#include "tests/sim/mutations/wire.h"
#include "tests/support/sim_runtime.h"

namespace cairn::sim {

class Story;

/// A machine on which daemons run, one after the other; its index stays.
/// Lifetime: the story's.   Threads: the simulation's; nothing is called from the core.
class Host {
 public:
  Host(Story& story, std::string name);

  engine::Engine::Options options;
  index::MemoryIndex index;

  /// A connection for the next daemon, for traps to be set before it starts.
  Wire& connect();
  [[nodiscard]] Wire& wire() { return *wires_.back(); }
  /// Starts a daemon, on a connection of its own unless connect() made one, and lets things happen.
  /// True if it is live then.
  bool start();
  /// Like kill -9.
  void crash();

  [[nodiscard]] bool live() const { return engine_ && !failed(); }
  [[nodiscard]] bool failed() const;
  /// Why it did not start, or has stopped.
  [[nodiscard]] std::optional<Error> error() const;
  [[nodiscard]] engine::Engine& engine() { return *engine_; }

  /// Transactions that are made durable. What is acknowledged the story holds everybody to. They
  /// return at once when a trap holds their segment; then the answer counts when it comes.
  void put(const std::string& key);
  void put_file(const std::string& key);
  void drop_file(const std::string& key);
  void puts(const std::string& prefix, int count);
  /// Begins a checkpoint of what is durable, which ends at once unless a trap holds it.
  void checkpoint();
  /// Puts until a checkpoint has moved the log's start up, and what is dead below it is deleted.
  void checkpoint_and_delete();

 private:
  Task<> open(Wire* wire);
  Task<> sync(std::string key, std::string value, std::optional<engine::DataRef> file, bool drop);
  Task<> publish();
  Task<> end();
  template <class F>
  void begin(F change);

  Story& story_;
  std::string name_;
  std::vector<std::unique_ptr<Wire>> wires_;
  bool connected_ = false;
  std::unique_ptr<engine::Engine> engine_;
  std::optional<Error> failure_;
  std::size_t under_way_ = 0;
};

/// A history told request by request, in a virtual world without chance, and what is wrong with it.
/// What holds in every story, and is looked at by finish():
///   - a daemon that starts afresh, and keeps all rules, finds everything that was acknowledged by
///     anybody, with the bytes of files, and can commit;
///   - no index holds what is not in the log's history;
///   - a segment is sent again as the same bytes.
class Story {
 public:
  explicit Story(std::uint64_t window = 4);
  ~Story();
  Story(const Story&) = delete;
  Story& operator=(const Story&) = delete;

  Bucket bucket;
  testing::SimRuntime sim{1};

  Host& host(const std::string& name);
  void pass(Duration time = std::chrono::milliseconds(50)) { sim.run_for(time); }
  // What is caught takes effect; is answered (after taking effect if it has not); fails; all go on.
  void apply(Trap& trap);
  void answer(Trap& trap);
  void fail(Trap& trap, object_store::StoreErrc code = object_store::StoreErrc::kUnavailable);
  void open(Trap& trap);

  void wrong(std::string sentence) { wrongs_.push_back(std::move(sentence)); }
  /// What was acknowledged is there.
  void check_state(Host& host);
  /// It is the newest writer, so it must be able to write.
  void check_live(Host& host);
  /// Ends all daemons and judges. The first thing that is wrong; nothing if all is well.
  std::optional<std::string> finish();

  struct File {
    engine::DataRef at;
    std::string bytes;
  };
  // What was acknowledged.
  std::map<std::string, std::string> values;
  std::map<std::string, File> files;  // also those not acknowledged yet; values says
  std::set<std::string> drops;        // begun, so they may be gone
  format::UnlockedVolume volume;

 private:
  void check_index(Host& host, const std::vector<format::SegmentId>& history);

  std::map<std::string, std::unique_ptr<Host>> hosts_;
  std::vector<std::string> wrongs_;
};

[[nodiscard]] inline std::string slot(std::uint64_t seq) { return format::log_name(Seq(seq)); }

}  // namespace cairn::sim
