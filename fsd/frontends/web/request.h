#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/unique_fd.h"

namespace cairn::web {

struct SocketRoute;

struct Header {
  std::string name;
  std::string value;
};

/// A request, as a client sent it. Names of headers are in lower case; one that came several times
/// is there once, its values joined by commas (cookies by semicolons).
struct Request {
  std::string method;
  std::string target;
  std::vector<Header> headers;
  std::string body;

  /// Empty if it did not come.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] bool is_read() const { return method == "GET" || method == "HEAD"; }
};

/// A run of a file's bytes.
struct FileBody {
  std::shared_ptr<const UniqueFd> file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// What is answered: a body, a file's bytes, or that the connection becomes a WebSocket.
struct Response {
  int status = 200;
  std::vector<Header> headers;
  std::string body;
  std::optional<FileBody> file;
  std::shared_ptr<const SocketRoute> socket;  // status 101
  std::string subprotocol;                    // of the WebSocket; may be empty

  [[nodiscard]] std::uint64_t body_bytes() const { return file ? file->bytes : body.size(); }
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

/// One sentence for people.
[[nodiscard]] Response sentence(int status, std::string_view text);
[[nodiscard]] Response json_response(std::string text);

/// Who is at the other end of a connection.
struct WebPeer {
  std::optional<std::uint32_t> uid;  // of a user of this machine
  std::string name;                  // for the log: "local user 1000", "10.0.0.7:1022"
  std::string key;                   // whom limits count: the name without the port
  std::string our_host;              // the address that it came to: "127.0.0.1", "[::1]"
  std::uint16_t our_port = 0;
  bool is_localhost = false;  // "localhost" and our_port lead here, and nowhere else
};

}  // namespace cairn::web
