#include "vmrunner/machine/output.h"

#include <cerrno>
#include <utility>

namespace cairn::vm {

Output::Output(boost::asio::io_context& io, int fd, Events events)
    : fd_(io, fd, SharedFd::Way::kOut), events_(std::move(events)) {}

void Output::write(std::string_view bytes) {
  if (failed_) return;
  const bool waits = unwritten_bytes() > 0;
  if (!waits) bytes.remove_prefix(write_some(bytes));
  if (failed_ || bytes.empty()) return;
  unwritten_ += bytes;
  if (!waits) write_later();
}

/// As much as goes without waiting.
std::size_t Output::write_some(std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = fd_.write(bytes.substr(done));
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (count == 0 || errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      fail(errno);
      break;
    }
  }
  return done;
}

void Output::fail(int number) {
  failed_ = true;
  unwritten_.clear();
  written_ = 0;
  events_.on_failed(number);
}

void Output::write_later() {
  fd_.wait([this] {
    const std::size_t done = write_some(std::string_view(unwritten_).substr(written_));
    if (failed_) return;
    written_ += done;
    if (written_ >= unwritten_bytes()) {  // seldom enough that moving the rest costs nothing
      unwritten_.erase(0, written_);
      written_ = 0;
    }
    unwritten_.empty() ? events_.on_drained() : write_later();
  });
}

}  // namespace cairn::vm
