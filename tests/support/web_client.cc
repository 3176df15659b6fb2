#include "tests/support/web_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

namespace cairn::testing {
namespace {

constexpr int kPatienceS = 20;
constexpr unsigned kLast = 0x80;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kSixteenBits = 126;
constexpr unsigned kSixtyFourBits = 127;
constexpr std::string_view kMask = "\x12\x34\x56\x78";

std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}
std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8U | static_cast<std::uint8_t>(byte);
  return value;
}

}  // namespace

std::string WebClient::Reply::header(const std::string& name) const {
  const std::size_t at = head.find("\r\n" + name + ": ");
  if (at == head.npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

unsigned WebClient::Frame::close_code() const {
  return payload.size() < 2 ? 0 : static_cast<unsigned>(from_big_endian(payload.substr(0, 2)));
}

WebClient::WebClient(std::uint16_t port, int receive_buffer_bytes) : port_(port) {
  socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = kPatienceS, .tv_usec = 0};
  const int yes = 1;
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (receive_buffer_bytes > 0) {
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
               sizeof receive_buffer_bytes);
  }
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(port);
  EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0)
      << errno;
}

void WebClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // closed on us: the reader sees it
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool WebClient::fill() {
  char piece[64 << 10];
  const ssize_t got = ::recv(socket_.get(), piece, sizeof piece, 0);
  EXPECT_TRUE(got >= 0 || errno != EAGAIN) << "the server is silent";
  if (got <= 0) return false;
  received_.append(piece, static_cast<std::size_t>(got));
  return true;
}

std::optional<std::string> WebClient::take(std::size_t count) {
  while (received_.size() < count) {
    if (!fill()) return std::nullopt;
  }
  std::string out = received_.substr(0, count);
  received_.erase(0, count);
  return out;
}

WebClient::Reply WebClient::ask(const std::string& method, const std::string& target,
                                const std::string& headers, const std::string& body) {
  std::string request = method + ' ' + target + " HTTP/1.1\r\n" + headers;
  if (headers.find("Host:") == headers.npos) {
    request += "Host: 127.0.0.1:" + std::to_string(port_) + "\r\n";
  }
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  send(request + "\r\n" + body);
  return receive_reply(method != "HEAD");
}

WebClient::Reply WebClient::receive_reply(bool has_body) {
  std::size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == received_.npos) {
    if (!fill()) return {};
  }
  Reply reply;
  reply.head = *take(end + 4);
  reply.status = std::atoi(reply.head.c_str() + reply.head.find(' '));
  const std::string length = reply.header("Content-Length");
  if (has_body && !length.empty()) reply.body = take(std::stoull(length)).value_or("(cut off)");
  return reply;
}

WebClient::Reply WebClient::upgrade(const std::string& target, const std::string& headers) {
  return ask("GET", target,
             headers +
                 "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
}

void WebClient::send_frame(unsigned opcode, std::string_view payload, bool is_last) {
  std::string frame;
  frame += static_cast<char>(opcode | (is_last ? kLast : 0));
  if (payload.size() < kSixteenBits) {
    frame += static_cast<char>(kMasked | payload.size());
  } else if (payload.size() < 65536) {
    frame += static_cast<char>(kMasked | kSixteenBits);
    frame += big_endian(payload.size(), 2);
  } else {
    frame += static_cast<char>(kMasked | kSixtyFourBits);
    frame += big_endian(payload.size(), 8);
  }
  frame += kMask;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    frame += static_cast<char>(payload[i] ^ kMask[i % kMask.size()]);
  }
  send(frame);
}

std::optional<WebClient::Frame> WebClient::receive_frame() {
  const auto head = take(2);
  if (!head) return std::nullopt;
  std::uint64_t length = static_cast<std::uint8_t>((*head)[1]);
  if (length >= kSixteenBits) {
    const auto more = take(length == kSixteenBits ? 2 : 8);
    if (!more) return std::nullopt;
    length = from_big_endian(*more);
  }
  auto payload = take(length);
  if (!payload) return std::nullopt;
  return Frame{static_cast<std::uint8_t>((*head)[0]) & 0x0FU, *std::move(payload)};
}

std::optional<WebClient::Frame> WebClient::receive_message() {
  for (;;) {
    auto frame = receive_frame();
    if (!frame || frame->opcode != kPing) return frame;
    send_frame(kPong, frame->payload);
  }
}

}  // namespace cairn::testing
