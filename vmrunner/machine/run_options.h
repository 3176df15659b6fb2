#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fsd/base/result.h"

namespace cairn::vm {

enum class Accelerator : std::uint8_t { kAuto, kKvm, kTcg };

struct PortForward {
  std::uint16_t host = 0;
  std::uint16_t guest = 0;
  bool operator==(const PortForward&) const = default;
};

/// What `cairn-vm run` is to do.
struct RunOptions {
  std::string url = "ws://127.0.0.1:8080/ws/9p";
  std::string token;
  std::string ca_file;
  std::string image;  // the directory; empty: found
  unsigned memory_mib = 128;
  Accelerator accelerator = Accelerator::kAuto;
  std::vector<PortForward> forwards;
  bool open_network = false;           // reaches what this machine does, and this machine
  std::optional<std::string> command;  // none: a terminal
  std::vector<std::pair<std::string, std::string>> environment;
  bool stdin_too = false;
  bool as_root = false;
  std::string root;  // a directory of the volume that becomes the machine's root
  std::string cache = "mmap";
  std::uint32_t uid = 1000;
  std::uint32_t gid = 1000;
  std::string sessions;  // the directory of this user's records of sessions; empty: none are kept
};

/// "8080:80", or "5432" for the same on both sides; host port 0 is any free one. Fails with:
/// EINVAL.
Result<PortForward> parse_forward(const std::string& text);
/// "NAME=VALUE". Fails with: EINVAL.
Result<std::pair<std::string, std::string>> parse_variable(const std::string& text);
/// The first line of a file that holds a token or the password.
Result<std::string> read_token(const std::string& file);

}  // namespace cairn::vm
