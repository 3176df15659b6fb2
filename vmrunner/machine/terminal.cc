#include "vmrunner/machine/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

namespace cairn::vm {
namespace {

constexpr char kEscape = '\x1d';  // Ctrl-]
/// Whatever the guest's program was in the middle of: the ordinary screen, a cursor, no colours, no
/// mouse, no bracketed paste; a new line.
constexpr std::string_view kBackToNormal = "\x1b[?1049l\x1b[?25h\x1b[m\x1b[?1000l\x1b[?2004l\r\n";
constexpr std::size_t kReadBytes = 4096;

}  // namespace

Terminal::Terminal(boost::asio::io_context& io, const Streams& streams, Events events)
    : streams_(streams),
      input_(io, streams.in, SharedFd::Way::kIn),
      events_(std::move(events)),
      bytes_(kReadBytes, '\0') {}

Terminal::~Terminal() {
  if (!raw_) return;
  events_.show(kBackToNormal);
  // Not TCSADRAIN: that would wait for a terminal that takes nothing.
  tcsetattr(streams_.in, TCSANOW, &before_);
}

bool Terminal::is_one(const Streams& streams) {
  return isatty(streams.in) != 0 && isatty(streams.out) != 0;
}

Terminal::Size Terminal::size(const Streams& streams) {
  winsize size{};
  if (ioctl(streams.out, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

void Terminal::begin() {
  if (is_one(streams_) && tcgetattr(streams_.in, &before_) == 0) {
    termios raw = before_;
    cfmakeraw(&raw);
    raw_ = tcsetattr(streams_.in, TCSANOW, &raw) == 0;
  }
  read_on();
}

void Terminal::read_on() {
  input_.wait([this] { on_input(); });
}

void Terminal::on_input() {
  const ssize_t count = input_.read(bytes_.data(), bytes_.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return read_on();
  if (count <= 0) return events_.ended(raw_);
  std::string typed = bytes_.substr(0, static_cast<std::size_t>(count));
  if (!raw_) return events_.typed(std::move(typed), false);
  const std::size_t escape = typed.find(kEscape);
  const bool left = escape != typed.npos;
  if (left) typed.resize(escape);
  if (!typed.empty()) events_.typed(std::move(typed), true);
  read_on();
  if (left) events_.left();
}

}  // namespace cairn::vm
