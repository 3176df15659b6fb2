#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fsd/base/check.h"

namespace cairn::testing {

/// An HTTP server on loopback that answers what a test tells it to, byte by byte.
/// Threads: one per connection; the script is called under a lock.
class ScriptedServer {
 public:
  struct Request {
    std::string method;
    std::string target;                          // path and query
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    int connection = 0;  // which one it came on
  };
  enum class After { kKeep, kClose, kHold };  // kHold: says nothing more, keeps it open
  struct Reply {
    std::string bytes;
    After after = After::kKeep;
  };
  using Script = std::function<Reply(const Request&)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listener_, 64) == 0);
    socklen_t size = sizeof address;
    CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      std::lock_guard lock(mutex_);
      for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
    for (const int fd : connections_) ::close(fd);
    ::close(listener_);
  }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::vector<Request> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  /// Hangs up on every connection that is open now.
  void hang_up() {
    std::lock_guard lock(mutex_);
    for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
  }

  /// A whole answer with its length.
  static Reply reply(int status, std::string body, const std::string& more_headers = "") {
    return {"HTTP/1.1 " + std::to_string(status) + " Scripted\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n" + more_headers + "\r\n" + body,
            After::kKeep};
  }
  static std::string error_xml(const std::string& code, const std::string& message = "words") {
    return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>" + message +
           "</Message></Error>";
  }

 private:
  void accept_all() {
    for (int number = 1;; ++number) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      std::lock_guard lock(mutex_);
      connections_.push_back(fd);
      threads_.emplace_back([this, fd, number] { serve(fd, number); });
    }
  }
  void serve(int fd, int number) {
    std::string input;
    Request request;
    while (read_request(fd, input, request)) {
      request.connection = number;
      Reply reply;
      {
        std::lock_guard lock(mutex_);
        requests_.push_back(request);
        reply = script_(request);
      }
      if (!send_all(fd, reply.bytes)) return;
      if (reply.after == After::kClose) {
        ::shutdown(fd, SHUT_RDWR);
        return;
      }
      if (reply.after == After::kHold) {
        char ignored[256];
        while (::recv(fd, ignored, sizeof ignored, 0) > 0) {
        }
        return;
      }
    }
  }
  static bool send_all(int fd, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t more = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (more <= 0) return false;
      sent += static_cast<std::size_t>(more);
    }
    return true;
  }
  static bool receive(int fd, std::string& input) {
    char piece[65536];
    const ssize_t got = ::recv(fd, piece, sizeof piece, 0);
    if (got <= 0) return false;
    input.append(piece, static_cast<std::size_t>(got));
    return true;
  }
  static bool read_request(int fd, std::string& input, Request& request) {
    std::size_t end = 0;
    while ((end = input.find("\r\n\r\n")) == std::string::npos) {
      if (!receive(fd, input)) return false;
    }
    request = parse(input.substr(0, end));
    input.erase(0, end + 4);
    const auto length = request.headers.find("content-length");
    const std::size_t wanted = length == request.headers.end() ? 0 : std::stoul(length->second);
    while (input.size() < wanted) {
      if (!receive(fd, input)) return false;
    }
    request.body = input.substr(0, wanted);
    input.erase(0, wanted);
    return true;
  }
  static Request parse(const std::string& head) {
    Request request;
    const std::size_t blank = head.find(' ');
    request.method = head.substr(0, blank);
    request.target = head.substr(blank + 1, head.find(' ', blank + 1) - blank - 1);
    std::size_t at = head.find("\r\n");
    while (at != std::string::npos) {
      const std::size_t end = std::min(head.find("\r\n", at + 2), head.size());
      const std::string line = head.substr(at + 2, end - at - 2);
      const std::size_t colon = line.find(':');
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      const std::size_t value = line.find_first_not_of(' ', colon + 1);
      request.headers[name] = value == std::string::npos ? "" : line.substr(value);
      at = end == head.size() ? std::string::npos : end;
    }
    return request;
  }

  Script script_;
  int listener_ = -1;
  int port_ = 0;
  std::thread acceptor_;
  std::mutex mutex_;
  std::vector<int> connections_;  // guarded by mutex_
  std::vector<std::thread> threads_;
  std::vector<Request> requests_;  // guarded by mutex_
};

}  // namespace cairn::testing
