// A client of 9P2000.L that asks as fast as it is answered.
//
//   p9_load PORT ANAME FILE getattr|read4k|read1m DEPTH SECONDS
//
// FILE lies in the directory ANAME and has at least 16 MiB for the reads. DEPTH requests are under
// way at a time. Prints one JSON object: answers a second, and bytes of file data a second.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "protocol/p9/codec.h"

namespace {

using namespace cairn::p9;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kLargeMessageBytes = (1U << 20) + 24;
constexpr std::uint32_t kMessageBytes = 64U << 10;  // which every server takes
constexpr std::uint64_t kFileBytes = 16U << 20;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "p9_load: %s\n", why.c_str());
  std::exit(1);
}

class Connection {
 public:
  explicit Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0)
      die("no connection");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t sent = ::send(fd_, bytes.data() + at, bytes.size() - at, 0);
      if (sent <= 0) die("the server hung up");
      at += static_cast<std::size_t>(sent);
    }
  }
  /// The next reply's header; its body stays until the next call.
  Header receive() {
    while (true) {
      const Bytes rest(buffer_.data() + taken_, filled_ - taken_);
      const auto header = peek_header(rest);
      if (header && header->size <= rest.size()) {
        body_ = rest.subspan(kHeaderBytes, header->size - kHeaderBytes);
        taken_ += header->size;
        return *header;
      }
      std::memmove(buffer_.data(), buffer_.data() + taken_, filled_ - taken_);
      filled_ -= taken_;
      taken_ = 0;
      const ssize_t got = ::recv(fd_, buffer_.data() + filled_, buffer_.size() - filled_, 0);
      if (got <= 0) die("the server hung up");
      filled_ += static_cast<std::size_t>(got);
    }
  }
  [[nodiscard]] Bytes body() const { return body_; }
  void ask(const Request& request) {
    std::string message;
    append(message, std::holds_alternative<Tversion>(request) ? kNoTag : 1, request);
    send(message);
    const Header header = receive();
    const auto reply = decode_reply(header.type, body_);
    if (!reply) die("a reply that is none");
    if (const auto* error = std::get_if<Rlerror>(&*reply))
      die(std::strerror(static_cast<int>(error->ecode)));
  }

 private:
  int fd_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(4U << 20);
  std::size_t taken_ = 0;
  std::size_t filled_ = 0;
  Bytes body_;
};

struct Load {
  std::string verb;
  std::uint32_t bytes = 0;  // of each read
  std::uint64_t number = 0;

  Request next() {
    if (bytes == 0) return Tgetattr{.fid = 1, .request_mask = getattr::kBasic};
    const std::uint64_t offset = number++ * bytes % kFileBytes;
    return Tread{.fid = 1, .offset = offset, .count = bytes};
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) die("use: PORT ANAME FILE getattr|read4k|read1m DEPTH SECONDS");
  Connection connection(static_cast<std::uint16_t>(std::atoi(argv[1])));
  Load load{.verb = argv[4]};
  if (load.verb == "read4k") load.bytes = 4096;
  if (load.verb == "read1m") load.bytes = 1U << 20;
  const bool is_large = load.bytes > kMessageBytes;
  connection.ask(
      Tversion{.msize = is_large ? kLargeMessageBytes : kMessageBytes, .version = kVersion});
  connection.ask(
      Tattach{.fid = 0, .afid = kNoFid, .uname = "root", .aname = argv[2], .n_uname = 0});
  Twalk walk{.fid = 0, .newfid = 1, .names = {}};
  walk.names.push_back(argv[3]);
  connection.ask(walk);
  connection.ask(Tlopen{.fid = 1, .flags = open_flag::kReadOnly});

  const int depth = std::atoi(argv[5]);
  std::string burst;
  for (int tag = 0; tag < depth; ++tag) append(burst, static_cast<std::uint16_t>(tag), load.next());
  connection.send(burst);
  std::uint64_t answers = 0;
  std::uint64_t bytes = 0;
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration<double>(std::atof(argv[6]));
  while (answers % 64 != 0 || Clock::now() < end) {
    const Header header = connection.receive();
    if (header.type == static_cast<std::uint8_t>(MessageType::kRlerror)) die("an error");
    ++answers;
    bytes += load.bytes == 0 ? 0 : connection.body().size() - 4;
    std::string message;
    append(message, header.tag, load.next());
    connection.send(message);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("{\"answers_per_second\": %.0f, \"bytes_per_second\": %.0f}\n",
              static_cast<double>(answers) / seconds, static_cast<double>(bytes) / seconds);
  return 0;
}
