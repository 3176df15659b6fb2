#include "vmrunner/machine/marked_stream.h"

#include <string.h>

#include <algorithm>

namespace cairn::vm {

std::string_view MarkedStream::feed(std::string_view bytes) {
  if (ended_ || mark_.empty()) return ended_ ? std::string_view() : bytes;
  held_.erase(0, from_);
  from_ = 0;
  if (!held_.empty()) {
    held_ += bytes;
    bytes = held_;
  }
  const void* const found = memmem(bytes.data(), bytes.size(), mark_.data(), mark_.size());
  if (found != nullptr) {
    ended_ = true;
    return bytes.substr(0,
                        static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data()));
  }
  std::size_t begun = std::min(bytes.size(), mark_.size() - 1);
  while (!bytes.ends_with(std::string_view(mark_).substr(0, begun))) --begun;
  const std::string_view whole = bytes.substr(0, bytes.size() - begun);
  if (held_.empty()) {
    held_ = bytes.substr(whole.size());
  } else {
    from_ = whole.size();
  }
  return whole;
}

}  // namespace cairn::vm
