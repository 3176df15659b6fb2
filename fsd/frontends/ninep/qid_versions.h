#pragma once

#include <cstdint>
#include <unordered_map>

#include "fsd/vfs/types.h"

namespace cairn::p9 {

/// The versions in the qids of files that some client knows (has a fid of).
///
/// A client's caches are good until somebody else changes the file; its own changes it knows of.
/// Linux with cache=loose even takes a file whose version has changed for another file, so two hard
/// links would become two files by the client's own writing. So the version stays while the one who
/// changes the file is the only client that knows it, and changes with every change else.
///
/// Threads: core only.
class QidVersions {
 public:
  /// `client` has one more fid of the file; `change` is its change counter now.
  void add(Ino ino, std::uint64_t client, std::uint64_t change);
  void drop(Ino ino);
  /// `change` is shown for files that no client knows.
  [[nodiscard]] std::uint32_t version(Ino ino, std::uint64_t change) const;
  /// `origin` (Caller::client) has changed its data, or its entries.
  void on_changed(Ino ino, std::uint64_t origin);

 private:
  struct Known {
    std::uint64_t fids = 0;
    std::uint32_t version = 0;
    std::uint64_t client = 0;  // who has all of the fids
    bool shared = false;       // ... or had, until others came
  };
  std::unordered_map<Ino, Known> known_;
};

}  // namespace cairn::p9
