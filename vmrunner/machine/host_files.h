#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "vmrunner/machine/control_line.h"
#include "vmrunner/machine/guest_image.h"

namespace cairn::vm {

/// Gives programs in the guest (`host file NAME`) the files of its image, over the control line.
/// Threads: one.
class HostFiles {
 public:
  /// Sends bytes on the control line, whole messages each.
  using Send = std::function<void(std::string bytes)>;
  /// Sends a command, whose answer nobody waits for.
  using Command = std::function<void(std::string_view verb,
                                     std::vector<std::pair<std::string_view, std::string>> values)>;

  HostFiles(const GuestImage& image, Send send, Command command);
  /// An event of the guest's; what is none of ours is ignored.
  void on_event(const GuestMessage& event);

 private:
  struct Stream {
    std::string bytes;
    std::size_t sent = 0;
    std::deque<std::size_t> flying;  // where each message ended that the guest has not taken yet
  };
  void want(unsigned number, const std::string& file);
  void pump(unsigned number);

  const GuestImage& image_;
  const Send send_;
  const Command command_;
  std::map<unsigned, Stream> streams_;
};

}  // namespace cairn::vm
