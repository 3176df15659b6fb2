#include "vmrunner/machine/host_files.h"

#include <algorithm>

namespace cairn::vm {
namespace {

constexpr std::size_t kPageBytes = 4096;
/// The guest keeps 64 KiB for each stream.
constexpr std::size_t kPieceBytes = 4000;
constexpr std::size_t kFlyingMax = 12;
/// Each has a file in memory until the guest has taken it.
constexpr std::size_t kStreamsMax = 4;

}  // namespace

std::size_t HostFiles::Stream::parts() const {
  return part_bytes == 0 ? 0 : pages.size() * kPageBytes / part_bytes;
}

HostFiles::HostFiles(const GuestImage& image, Host host) : image_(image), host_(std::move(host)) {}

void HostFiles::on_event(const GuestMessage& event) {
  if (event.event == "want") return want(event);
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

void HostFiles::want(const GuestMessage& event) {
  const auto refuse = [this, &event](const char* why) {
    host_.command("end", {{"stream", std::to_string(event.stream)}, {"error", why}});
  };
  streams_.erase(event.stream);
  if (streams_.size() >= kStreamsMax) return refuse("too many files at once");
  auto bytes = image_.read(event.file);
  if (!bytes) return refuse("no such file");
  Stream stream{.bytes = std::move(*bytes), .flying = {}, .pages = {}};
  if (event.part != 0 && event.part % kPageBytes == 0) {
    stream.pages = event.pages;
    stream.part_bytes = event.part;
  }
  streams_[event.stream] = std::move(stream);
  pump(event.stream);
}

void HostFiles::pump(unsigned number) {
  Stream& stream = streams_[number];
  const std::size_t parts = stream.parts();
  while (stream.flying.size() < (parts > 0 ? parts : kFlyingMax) &&
         stream.sent < stream.bytes.size()) {
    stream.sent += parts > 0 ? fill(number, stream) : send_data(number, stream);
    stream.flying.push_back(stream.sent);
  }
  if (stream.sent < stream.bytes.size()) return;
  streams_.erase(number);
  host_.command("end", {{"stream", std::to_string(number)}});
}

std::size_t HostFiles::send_data(unsigned number, const Stream& stream) {
  const std::size_t size = std::min(kPieceBytes, stream.bytes.size() - stream.sent);
  host_.send("0 data stream=" + std::to_string(number) + " size=" + std::to_string(size) + "\n" +
             stream.bytes.substr(stream.sent, size));
  return size;
}

std::size_t HostFiles::fill(unsigned number, Stream& stream) {
  const std::size_t size = std::min(stream.part_bytes, stream.bytes.size() - stream.sent);
  const std::size_t first_page = stream.turn * stream.part_bytes / kPageBytes;
  const std::string_view part = std::string_view(stream.bytes).substr(stream.sent, size);
  for (std::size_t at = 0; at < size; at += kPageBytes) {
    const std::uint64_t address = stream.pages[first_page + at / kPageBytes] * kPageBytes;
    if (!host_.write_memory(address, part.substr(at, kPageBytes))) break;  // the guest's own loss
  }
  host_.command("filled", {{"stream", std::to_string(number)},
                           {"part", std::to_string(stream.turn)},
                           {"size", std::to_string(size)}});
  stream.turn = (stream.turn + 1) % stream.parts();
  return size;
}

}  // namespace cairn::vm
