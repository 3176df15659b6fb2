#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "vmrunner/machine/control_line.h"
#include "vmrunner/machine/guest_image.h"

namespace cairn::vm {

/// Gives programs in the guest (`host file NAME`) the files of its image: through memory that the
/// guest has set aside for that, or over the control line, which is a hundred times slower.
/// Threads: one.
class HostFiles {
 public:
  struct Host {
    /// Sends bytes on the control line, whole messages each.
    std::function<void(std::string bytes)> send;
    /// Sends a command, whose answer nobody waits for.
    std::function<void(std::string_view verb,
                       std::vector<std::pair<std::string_view, std::string>> values)>
        command;
    /// Writes into the guest's memory; false: there is none at that address.
    std::function<bool(std::uint64_t address, std::string_view bytes)> write_memory;
  };

  HostFiles(const GuestImage& image, Host host);
  /// An event of the guest's; what is none of ours is ignored.
  void on_event(const GuestMessage& event);

 private:
  struct Stream {
    std::string bytes;
    std::size_t sent = 0;
    std::deque<std::size_t> flying;    // where each message ended that the guest has not taken yet
    std::vector<std::uint64_t> pages;  // numbers; empty: over the control line
    std::size_t part_bytes = 0;        // of the memory, which is used part by part
    std::size_t turn = 0;
    [[nodiscard]] std::size_t parts() const;
  };
  void want(const GuestMessage& event);
  void pump(unsigned number);
  std::size_t send_data(unsigned number, const Stream& stream);
  std::size_t fill(unsigned number, Stream& stream);

  const GuestImage& image_;
  const Host host_;
  std::map<unsigned, Stream> streams_;
};

}  // namespace cairn::vm
