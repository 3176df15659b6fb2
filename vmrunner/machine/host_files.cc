#include "vmrunner/machine/host_files.h"

#include <algorithm>

namespace cairn::vm {
namespace {

/// The guest keeps 64 KiB for each stream.
constexpr std::size_t kPieceBytes = 4000;
constexpr std::size_t kFlyingMax = 12;

}  // namespace

HostFiles::HostFiles(const GuestImage& image, Send send, Command command)
    : image_(image), send_(std::move(send)), command_(std::move(command)) {}

void HostFiles::on_event(const GuestMessage& event) {
  if (event.event == "want") return want(event.stream, event.file);
  const auto found = streams_.find(event.stream);
  if (found == streams_.end()) return;
  if (event.event == "gone") {
    streams_.erase(found);
  } else if (event.event == "took") {
    auto& flying = found->second.flying;
    while (!flying.empty() && flying.front() <= event.bytes) flying.pop_front();
    pump(event.stream);
  }
}

void HostFiles::want(unsigned number, const std::string& file) {
  auto bytes = image_.read(file);
  if (!bytes) {
    return command_("end", {{"stream", std::to_string(number)}, {"error", "no such file"}});
  }
  streams_[number] = {.bytes = std::move(*bytes), .flying = {}};
  pump(number);
}

void HostFiles::pump(unsigned number) {
  Stream& stream = streams_[number];
  while (stream.flying.size() < kFlyingMax && stream.sent < stream.bytes.size()) {
    const std::size_t size = std::min(kPieceBytes, stream.bytes.size() - stream.sent);
    send_("0 data stream=" + std::to_string(number) + " size=" + std::to_string(size) + "\n" +
          stream.bytes.substr(stream.sent, size));
    stream.sent += size;
    stream.flying.push_back(stream.sent);
  }
  if (stream.sent < stream.bytes.size()) return;
  streams_.erase(number);
  command_("end", {{"stream", std::to_string(number)}});
}

}  // namespace cairn::vm
