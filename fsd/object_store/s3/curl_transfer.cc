#include "fsd/object_store/s3/curl_transfer.h"

#include <algorithm>
#include <charconv>

#include "fsd/base/check.h"
#include "fsd/object_store/object_store.h"
#include "fsd/object_store/s3/s3_reply.h"

namespace cairn::object_store::s3 {
namespace {

// libcurl's buffers: small ones for small things, since each transfer under way has its own.
constexpr std::size_t kLargeTransferBytes = 256 << 10;
constexpr long kLargeBufferBytes = 256 << 10;

template <class T>
void set(CURL* easy, CURLoption option, T value) {
  CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

long milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

/// "HTTP/1.1 200 OK" -> 200; 0 for what is no status line.
int parse_status(std::string_view line) {
  const std::size_t blank = line.find(' ');
  if (!line.starts_with("HTTP/") || blank == std::string_view::npos) return 0;
  int status = 0;
  const std::string_view digits = line.substr(blank + 1, 3);
  std::from_chars(digits.data(), digits.data() + digits.size(), status);
  return status;
}

}  // namespace

CurlTransfer::CurlTransfer() : easy_(curl_easy_init()) { CHECK(easy_ != nullptr); }

void CurlTransfer::prepare(HttpRequest request, CurlEngine::Done done,
                           const CurlEngine::Options& options, BlockPool& bodies) {
  request_ = std::move(request);
  response_ = {};
  bodies_ = &bodies;
  done_ = std::move(done);
  headers_overflowed_ = body_overflowed_ = false;
  error_text_[0] = 0;
  CURL* easy = easy_.get();
  curl_easy_reset(easy);
  set(easy, CURLOPT_PRIVATE, this);
  set(easy, CURLOPT_URL, request_.url.c_str());
  set(easy, CURLOPT_ERRORBUFFER, static_cast<char*>(error_text_));
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_PATH_AS_IS, 1L);
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy, CURLOPT_TCP_NODELAY, 1L);
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  set(easy, CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
  set(easy, CURLOPT_HEADERDATA, this);
  set(easy, CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
  set(easy, CURLOPT_WRITEDATA, this);
  if (!options.ca_file.empty()) set(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  if (request_.never_by_proxy) {
    set(easy, CURLOPT_PROXY, "");
  } else if (!options.proxy.empty()) {
    set(easy, CURLOPT_PROXY, options.proxy.c_str());
  }
  set_method();
  set_headers();
  set_limits(options);
}

void CurlTransfer::set_method() {
  CURL* easy = easy_.get();
  switch (request_.method) {
    case HttpMethod::kGet:
      set(easy, CURLOPT_HTTPGET, 1L);
      return;
    case HttpMethod::kHead:
      set(easy, CURLOPT_NOBODY, 1L);
      return;
    case HttpMethod::kDelete:
      set(easy, CURLOPT_HTTPGET, 1L);
      set(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
      return;
    case HttpMethod::kPut:
    case HttpMethod::kPost:
      break;
  }
  // A body given as POSTFIELDS leaves in one piece with the headers when it is small, where an
  // UPLOAD takes two: one system call and one packet fewer on the way of every commit.
  const ByteView body = request_.body.view();
  set(easy, CURLOPT_POST, 1L);
  set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  set(easy, CURLOPT_POSTFIELDS, body.empty() ? "" : reinterpret_cast<const char*>(body.data()));
  if (request_.method == HttpMethod::kPut) set(easy, CURLOPT_CUSTOMREQUEST, "PUT");
  if (body.size() >= kLargeTransferBytes) {
    set(easy, CURLOPT_UPLOAD_BUFFERSIZE, kLargeBufferBytes);
  }
}

void CurlTransfer::set_headers() {
  curl_slist* list = nullptr;
  const auto add = [&list](const char* line) {
    curl_slist* longer = curl_slist_append(list, line);
    CHECK(longer != nullptr);
    list = longer;
  };
  bool has_type = false;
  for (const std::string& line : request_.headers) {
    if (line.starts_with("content-type:")) has_type = true;
    add(line.c_str());
  }
  add("Expect:");  // never wait for a "100 Continue"
  add("Accept:");
  if (!has_type) add("Content-Type:");
  header_list_.reset(list);
  set(easy_.get(), CURLOPT_HTTPHEADER, list);
}

void CurlTransfer::set_limits(const CurlEngine::Options& options) {
  CURL* easy = easy_.get();
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, std::max(1L, milliseconds(options.connect_timeout)));
  if (options.stall_timeout > Duration::zero()) {
    const long seconds = (milliseconds(options.stall_timeout) + 999) / 1000;
    set(easy, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.stall_bytes_per_s));
    set(easy, CURLOPT_LOW_SPEED_TIME, std::max(1L, seconds));
  }
  if (request_.total_timeout > Duration::zero()) {
    set(easy, CURLOPT_TIMEOUT_MS, std::max(1L, milliseconds(request_.total_timeout)));
  }
  if (request_.response_bytes_max >= kLargeTransferBytes) {
    set(easy, CURLOPT_BUFFERSIZE, kLargeBufferBytes);
  }
}

std::size_t CurlTransfer::on_header(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::string_view line(bytes, size * count);
  if (const int status = parse_status(line); status != 0) {
    transfer.response_.status = status;  // a later one replaces "100 Continue" and the like
    transfer.response_.headers.clear();
    return line.size();
  }
  if (transfer.response_.headers.size() + line.size() > kHeaderBytesMax) {
    transfer.headers_overflowed_ = true;
    return 0;
  }
  transfer.response_.headers += line;
  return line.size();
}

std::size_t CurlTransfer::on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
  const std::string_view piece(bytes, size * count);
  return static_cast<CurlTransfer*>(self)->accept_body(piece) ? piece.size() : 0;
}

bool CurlTransfer::accept_body(std::string_view bytes) {
  ResponseBody& body = response_.body;
  const std::size_t limit = response_.ok() ? request_.response_bytes_max : kErrorBodyBytesMax;
  if (body.size() == 0) {
    // Room for all of it at once, if what is announced may be believed.
    const auto announced = parse_decimal(response_.find_header("content-length").value_or(""));
    if (announced && *announced <= limit) body.reserve(*announced, *bodies_);
    if (announced && *announced > limit && response_.ok()) body_overflowed_ = true;
  }
  const std::size_t room = limit - body.size();
  if (bytes.size() > room) body_overflowed_ = true;
  if (body_overflowed_ && response_.ok()) return false;
  body.append(bytes.substr(0, room));
  return !body_overflowed_;
}

Error CurlTransfer::failure(CURLcode code) const {
  const std::string text = error_text_[0] != 0 ? error_text_ : curl_easy_strerror(code);
  const std::string detail = std::string(method_name(request_.method)) + " " +
                             request_.url.substr(0, request_.url.find('?')) + ": " + text;
  switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return {StoreErrc::kDamaged, "the answer is cut short or garbled", detail};
    case CURLE_OPERATION_TIMEDOUT:
      return {StoreErrc::kUnavailable, "no answer in time", detail};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_SSL_CACERT_BADFILE:
      return {StoreErrc::kBadRequest, "this cannot be sent", detail};
    // A certificate that does not verify may be a captive network's: it may be right later on.
    case CURLE_PEER_FAILED_VERIFICATION:
      return {StoreErrc::kUnavailable, "the server's certificate is not trusted", detail};
    default:
      return {StoreErrc::kUnavailable, "no connection, or it broke", detail};
  }
}

Result<HttpResponse> CurlTransfer::finish(CURLcode code) {
  const auto finished = [this](Result<HttpResponse> result) {
    request_ = {};
    header_list_.reset();
    return result;
  };
  if (headers_overflowed_) {
    return finished(Error(StoreErrc::kDamaged, "an answer with endless headers", request_.url));
  }
  if (body_overflowed_ && response_.ok()) {
    return finished(
        Error(StoreErrc::kDamaged, "the store sends more than was asked for", request_.url));
  }
  if (code != CURLE_OK && !body_overflowed_) return finished(failure(code));
  return finished(std::move(response_));
}

}  // namespace cairn::object_store::s3
