#include "fsd/frontends/admin/control_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>

#include "fsd/base/log.h"

namespace cairn::admin {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;

namespace {

bool may_use(Protocol::socket& socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    return false;
  }
  return peer.uid == 0 || peer.uid == geteuid();
}

bool somebody_listens(const std::string& path) {
  asio::io_context io;
  Protocol::socket probe(io);
  boost::system::error_code failed;
  probe.connect(Protocol::endpoint(path), failed);
  return !failed;
}

/// The directory is ours, or root's: in a shared place like /tmp somebody else might have made it,
/// to listen in our place.
Result<void> prepare_directory(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(directory).parent_path(), failed);
  if (::mkdir(directory.c_str(), geteuid() == 0 ? 0755 : 0700) == 0) return {};
  struct stat found{};
  if (errno != EEXIST || ::lstat(directory.c_str(), &found) != 0) {
    return system_error(errno, "the control socket's directory cannot be made", directory);
  }
  if (S_ISDIR(found.st_mode) && (found.st_uid == geteuid() || found.st_uid == 0)) return {};
  return system_error(EACCES, "the control socket's directory belongs to somebody else", directory);
}

/// One client: a line in, a line out.
struct Session : std::enable_shared_from_this<Session> {
  Session(Protocol::socket connected, Strand& core_strand,
          std::shared_ptr<const ControlServer::Handler> answer_with)
      : socket(std::move(connected)), core(core_strand), handler(std::move(answer_with)) {}

  void begin() {
    if (!may_use(socket)) return;
    asio::async_read_until(socket, asio::dynamic_buffer(line, kCommandBytesMax), '\n',
                           [self = shared_from_this()](const auto& failed, std::size_t length) {
                             if (!failed) self->on_command(self->line.substr(0, length - 1));
                           });
  }
  void on_command(std::string command) {
    core.dispatch([self = shared_from_this(), command = std::move(command)]() mutable {
      answer(self, std::move(command)).detach();
    });
  }
  static Task<> answer(std::shared_ptr<Session> self, std::string command) {
    self->reply = co_await (*self->handler)(std::move(command));
    self->reply += '\n';
    asio::async_write(self->socket, asio::buffer(self->reply),
                      [self](const auto&, std::size_t) { /* closes when the last owner goes */ });
  }

  Protocol::socket socket;
  Strand& core;
  std::shared_ptr<const ControlServer::Handler> handler;
  std::string line;
  std::string reply;
};

}  // namespace

struct ControlServer::Listener : std::enable_shared_from_this<ControlServer::Listener> {
  Listener(asio::io_context& io, Strand& core_strand, std::string where, Handler answer_with)
      : acceptor(asio::make_strand(io)),
        core(core_strand),
        path(std::move(where)),
        handler(std::make_shared<const Handler>(std::move(answer_with))) {}

  void accept() {
    acceptor.async_accept([self = shared_from_this()](const auto& failed, Protocol::socket peer) {
      if (failed == asio::error::operation_aborted) return;
      if (!failed) {
        std::make_shared<Session>(std::move(peer), self->core, self->handler)->begin();
      }
      self->accept();
    });
  }

  Protocol::acceptor acceptor;
  Strand& core;
  std::string path;
  std::shared_ptr<const Handler> handler;
};

Result<std::unique_ptr<ControlServer>> ControlServer::start(asio::io_context& io, Strand& core,
                                                            std::string path, Handler handler) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error(std::make_error_code(std::errc::filename_too_long),
                 "the control socket's path is too long", path);
  }
  TRY_OK(prepare_directory(path));
  if (std::filesystem::exists(path) && somebody_listens(path)) {
    return system_error(EADDRINUSE,
                        "a daemon of this name runs already: give this one another --name", path);
  }
  ::unlink(path.c_str());
  auto listener = std::make_shared<Listener>(io, core, path, std::move(handler));
  boost::system::error_code failed;
  listener->acceptor.open(Protocol(), failed);
  const mode_t old_mask = ::umask(0177);
  if (!failed) listener->acceptor.bind(Protocol::endpoint(path), failed);
  ::umask(old_mask);
  if (!failed) listener->acceptor.listen(16, failed);
  if (failed) return system_error(failed.value(), "the control socket cannot be made", path);
  asio::post(listener->acceptor.get_executor(), [listener] { listener->accept(); });
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(listener)));
}

ControlServer::~ControlServer() { stop(); }

void ControlServer::stop() {
  if (!listener_) return;
  ::unlink(listener_->path.c_str());
  asio::post(listener_->acceptor.get_executor(), [listener = listener_] {
    boost::system::error_code ignored;
    listener->acceptor.close(ignored);
  });
  listener_.reset();
}

}  // namespace cairn::admin
