#pragma once

#include <string>

namespace cairn::posix {

/// Where the suite works: one directory for the run, and in it a fresh one per case.
/// Threads: the test's.   Fails with: an exception while starting, whose text says what is wrong.
class Scratch {
 public:
  /// Makes the run's directory below CAIRN_POSIX_DIR, or on /dev/shm or the temp directory, and
  /// drops to CAIRN_POSIX_UID if that is set and we are root. Once, before any case.
  static void start();
  /// Removes the run's directory.
  static void finish();
  [[nodiscard]] static const std::string& base();

  /// A fresh directory, mode 0755, made the working directory.
  static void enter();
  /// Leaves and removes it, whatever the case left in it.
  static void leave();
};

/// Removes a tree, also directories without permissions; nothing happens if it is missing.
void remove_tree(const std::string& path);

}  // namespace cairn::posix
