#include "vmrunner/machine/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdio>

namespace cairn::vm {
namespace {

constexpr char kEscape = '\x1d';  // Ctrl-]
/// Whatever the guest's program was in the middle of: the ordinary screen, a cursor, no colours, no
/// mouse, no bracketed paste; a new line.
constexpr std::string_view kBackToNormal = "\x1b[?1049l\x1b[?25h\x1b[m\x1b[?1000l\x1b[?2004l\n";
constexpr std::size_t kReadBytes = 4096;

}  // namespace

bool write_out(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(done));
    } else if (errno == EAGAIN) {
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

Terminal::Terminal(boost::asio::io_context& io, Events events)
    : input_(io, dup(STDIN_FILENO)), events_(std::move(events)), bytes_(kReadBytes, '\0') {}

Terminal::~Terminal() {
  if (!raw_) return;
  tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  write_out(STDOUT_FILENO, kBackToNormal);
}

bool Terminal::is_one() { return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0; }

Terminal::Size Terminal::size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

void Terminal::say(const std::string& text) {
  const char* end = is_one() ? "\r\n" : "\n";
  std::fprintf(stderr, "cairn-vm: %s%s", text.c_str(), end);
}

void Terminal::begin() {
  if (is_one() && tcgetattr(STDIN_FILENO, &before_) == 0) {
    termios raw = before_;
    cfmakeraw(&raw);
    raw_ = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
  }
  read_on();
}

void Terminal::read_on() {
  input_.async_read_some(boost::asio::buffer(bytes_),
                         [this](const boost::system::error_code& error, std::size_t n) {
                           if (error == boost::asio::error::operation_aborted) return;
                           std::string typed = error ? std::string() : bytes_.substr(0, n);
                           const std::size_t escape = raw_ ? typed.find(kEscape) : typed.npos;
                           if (error) return events_.ended();
                           const bool left = escape != typed.npos;
                           if (left) typed.resize(escape);
                           if (!typed.empty()) events_.typed(std::move(typed));
                           read_on();
                           if (left) events_.left();
                         });
}

}  // namespace cairn::vm
