#pragma once

#include <string>

#include "fsd/base/unique_fd.h"

namespace cairn::daemon {

/// Tells whoever started the daemon how it goes: systemd (sd_notify), and the process that waits
/// for a daemon started with --background.
/// Threads: any one at a time.
class Notifier {
 public:
  /// With `background`: forks; the parent waits here and exits with the daemon's word, 0 when it is
  /// ready. To be made before any thread. Aborts the program if it cannot fork.
  explicit Notifier(bool background);

  void ready(const std::string& status);
  void stopping();
  /// It did not come to that: the parent prints this and exits with 1.
  void failed(const std::string& sentence);

 private:
  UniqueFd pipe_;  // to who waits; none if nobody does
};

}  // namespace cairn::daemon
