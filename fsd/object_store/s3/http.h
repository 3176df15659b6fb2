#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/block_pool.h"
#include "fsd/base/bytes.h"
#include "fsd/base/clock.h"

namespace cairn::object_store::s3 {

enum class HttpMethod { kGet, kHead, kPut, kPost, kDelete };
[[nodiscard]] const char* method_name(HttpMethod method);

/// One request to an HTTP service.
struct HttpRequest {
  HttpMethod method = HttpMethod::kGet;
  std::string url;
  std::vector<std::string> headers;    // "name: value"; no "host", which the URL says
  SharedBytes body;                    // sent with PUT and POST, without being copied first
  std::size_t response_bytes_max = 0;  // of a 2xx's body; more is kDamaged
  bool never_by_proxy = false;         // for what is on this machine or this link
  Duration total_timeout{0};           // 0: only the engine's stall time-out ends it
};

/// The body of an answer while it comes in. One of about the size that bulk reads ask for lies in a
/// block of a pool, and becomes the caller's without a copy.
class ResponseBody {
 public:
  static constexpr std::size_t kBlockBytes = (2U << 20) + (64U << 10);

  /// Blocks for bodies; what answers leave is kept for the next ones, to some megabytes.
  static BlockPool make_blocks() { return {kBlockBytes, kIdleBytesMax}; }

  ResponseBody() = default;
  explicit ResponseBody(std::string text) : text_(std::move(text)) {}

  /// Before anything comes: this much is announced. `blocks` as make_blocks() makes them.
  void reserve(std::size_t bytes, BlockPool& blocks);
  void append(std::string_view piece);
  [[nodiscard]] std::size_t size() const { return block_ ? size_ : text_.size(); }
  [[nodiscard]] std::string_view view() const;
  operator std::string_view() const { return view(); }  // NOLINT: it is read as text everywhere
  [[nodiscard]] SharedBytes take() &&;

 private:
  static constexpr std::size_t kIdleBytesMax = 12U << 20;

  std::string text_;  // if there is no block
  BlockPool::Block block_;
  std::size_t size_ = 0;  // of what is in the block
};

/// What came back, whole. Headers are kept as text and searched when asked.
struct HttpResponse {
  int status = 0;
  std::string headers;  // "Name: value\r\n" lines
  ResponseBody body;    // of an answer that is not 2xx: its beginning

  /// The first header of this name (in lower case), without blanks around it.
  [[nodiscard]] std::optional<std::string_view> find_header(std::string_view name) const;
  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

/// How much is kept of headers and of the body of an answer that reports an error.
inline constexpr std::size_t kHeaderBytesMax = 32 << 10;
inline constexpr std::size_t kErrorBodyBytesMax = 64 << 10;

}  // namespace cairn::object_store::s3
