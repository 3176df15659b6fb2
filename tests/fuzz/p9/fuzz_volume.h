#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fsd/base/check.h"
#include "fsd/format/keys.h"
#include "fsd/vfs/vfs.h"
#include "tests/support/memory_volume.h"
#include "tests/support/sim_runtime.h"

namespace cairn::p9 {

/// A volume in memory, and the core on it: what fuzzed sessions work on.
class FuzzVolume {
 public:
  explicit FuzzVolume(vfs::Vfs::Options options = {}) { open(options); }
  void open(vfs::Vfs::Options options = {}) {
    auto opened = sim.wait(vfs::Vfs::open(sim.runtime(), volume_, options));
    CHECK(opened);
    fs = std::move(*opened);
  }
  /// Nothing becomes durable until it is held no more.
  void hold_syncs(bool held) { volume_.hold_syncs(held); }
  /// What is not durable is gone.
  void crash() {
    fs.reset();
    volume_.crash();
  }
  void run(Task<> task) {
    while (!task.done()) CHECK(sim.run_one());
  }
  /// Takes all away and stops; nobody may have left anything behind that has no name.
  void check_that_nothing_stays() {
    remove_all(vfs::kRootIno);
    run(fs->stop());
    for (const auto& [key, value] : volume_.keys()) {
      CHECK(!key.starts_with(static_cast<char>(format::KeyKind::kOrphan)));
    }
    CHECK(volume_.referenced_bytes() == 0);
  }

  testing::SimRuntime sim{1};
  std::unique_ptr<vfs::Vfs> fs;

 private:
  void remove_all(Ino directory) {
    const auto handle = sim.wait(fs->open_directory({}, directory));
    CHECK(handle);
    std::vector<std::pair<std::string, Ino>> entries;
    CHECK(fs->read_directory(*handle, 0, [&](const vfs::DirectoryEntry& entry) {
      if (entry.name != "." && entry.name != "..") entries.emplace_back(entry.name, entry.ino);
      return true;
    }));
    CHECK(sim.wait(fs->release_directory(*handle)));
    for (const auto& [name, ino] : entries) {
      if (sim.wait(fs->unlink({}, directory, name))) continue;
      remove_all(ino);
      CHECK(sim.wait(fs->remove_directory({}, directory, name)));
    }
  }

  testing::MemoryVolume volume_;
};

}  // namespace cairn::p9
