#pragma once

#include <string>

namespace cairn::daemon {

/// Tells whoever started the daemon how it goes: systemd (sd_notify), and the process that waits
/// for a daemon started with --background.
/// Threads: any one at a time.
class Notifier {
 public:
  /// With `background`: forks; the parent waits here and exits with the daemon's word, 0 when it is
  /// ready. To be made before any thread. Aborts the program if it cannot fork.
  explicit Notifier(bool background);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  void ready(const std::string& status);
  void stopping();
  /// It did not come to that: the parent prints this and exits with 1.
  void failed(const std::string& sentence);

 private:
  int pipe_ = -1;
};

}  // namespace cairn::daemon
