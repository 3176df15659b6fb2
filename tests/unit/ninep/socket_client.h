#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "fsd/base/unique_fd.h"
#include "protocol/p9/codec.h"

namespace cairn::p9 {

/// A client that blocks.
class SocketClient {
 public:
  explicit SocketClient(UniqueFd socket) : socket_(std::move(socket)) {}
  static SocketClient tcp(const std::string& address) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
    return connected(AF_INET, reinterpret_cast<sockaddr*>(&where), sizeof where);
  }
  static SocketClient unix_socket(const std::string& path) {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    path.copy(where.sun_path, sizeof where.sun_path - 1);
    return connected(AF_UNIX, reinterpret_cast<sockaddr*>(&where), sizeof where);
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // closed on us: the reader sees it
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void send(std::uint16_t tag, const Request& request) {
    std::string message;
    append(message, tag, request);
    send(message);
  }
  /// One message; empty if the server has closed the connection.
  std::string receive() {
    std::string message = take(4);
    if (message.empty()) return "";
    std::uint32_t size = 0;
    for (int i = 3; i >= 0; --i) size = size << 8U | static_cast<std::uint8_t>(message[i]);
    return message + take(size - 4);
  }
  std::string ask(std::uint16_t tag, const Request& request) {
    send(tag, request);
    return receive();
  }
  void begin(std::uint32_t msize = 1 << 20) {
    ask(kNoTag, Tversion{.msize = msize, .version = kVersion});
    ask(1, Tattach{.fid = 0, .afid = kNoFid, .n_uname = 0});
  }
  int fd() const { return socket_.get(); }
  void close() { socket_ = UniqueFd(); }

 private:
  static SocketClient connected(int family, const sockaddr* where, socklen_t length) {
    UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), where, length), 0) << errno;
    return SocketClient(std::move(socket));
  }
  std::string take(std::size_t count) {
    std::string bytes(count, '\0');
    for (std::size_t at = 0; at < count;) {
      const ssize_t got = ::recv(socket_.get(), bytes.data() + at, count - at, 0);
      if (got <= 0) return "";
      at += static_cast<std::size_t>(got);
    }
    return bytes;
  }
  UniqueFd socket_;
};

}  // namespace cairn::p9
