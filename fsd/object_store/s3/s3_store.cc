#include "fsd/object_store/s3/s3_store.h"

#include <algorithm>

#include "fsd/base/check.h"
#include "fsd/object_store/key_rules.h"

namespace cairn::object_store::s3 {
namespace {

constexpr int kEmptyPagesMax = 100;

Error refused(const char* what, std::string detail) {
  return {StoreErrc::kBadRequest, what, std::move(detail)};
}

bool is_header_safe(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_bucket_name(const std::string& name) {
  return name.size() >= 3 && name.size() <= 63 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_';
         });
}

std::string aws_endpoint(const std::string& region) {
  return "https://s3." + region +
         (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

/// The endpoint that requests go to, with the bucket in it.
Result<Endpoint> place_bucket(const S3Options& options) {
  const bool own = !options.endpoint.empty();
  TRY(Endpoint endpoint, parse_endpoint(own ? options.endpoint : aws_endpoint(options.region)));
  if (!endpoint.tls && !options.allow_http && !endpoint.is_loopback()) {
    return refused("no TLS", "the endpoint '" + options.endpoint +
                                 "' is plain http to another machine: use https, or set "
                                 "allow_http = true in [aws]");
  }
  const bool has_dots = options.bucket.find('.') != std::string::npos;
  if (options.path_style.value_or(own || has_dots)) {
    endpoint.base_path += "/" + options.bucket;
  } else {
    endpoint.host = options.bucket + "." + endpoint.host;
  }
  return endpoint;
}

Result<void> check(const S3Options& options) {
  if (!is_bucket_name(options.bucket)) {
    return refused("bad bucket name", "'" + options.bucket + "' is no bucket's name");
  }
  for (const std::string* text : {&options.region, &options.storage_class, &options.kms_key_id}) {
    if (!is_header_safe(*text)) return refused("bad option", "'" + *text + "' has odd characters");
  }
  if (options.prefix.starts_with('/') || options.prefix.ends_with('/')) {
    return refused("bad prefix", "'" + options.prefix + "' begins or ends with '/'");
  }
  if (options.connections_max == 0) return refused("bad option", "connections_max is 0");
  return {};
}

CurlEngine::Options engine_options(const S3Options& options) {
  return {.ca_file = options.ca_file,
          .proxy = options.proxy,
          .user_agent = options.user_agent,
          .connections_max = options.connections_max,
          .connect_timeout = options.connect_timeout,
          .stall_timeout = options.stall_timeout};
}

/// Where the range ends, if its length fits; UINT64_MAX stands for the object's end.
std::uint64_t end_of(ByteRange range) {
  const bool open = range.length == UINT64_MAX || range.offset > UINT64_MAX - range.length;
  return open ? UINT64_MAX : range.offset + range.length;
}

std::string range_header(ByteRange range) {
  const std::uint64_t end = end_of(range);
  std::string text = "range: bytes=" + std::to_string(range.offset) + "-";
  if (end != UINT64_MAX) text += std::to_string(end - 1);
  return text;
}

Error cancelled() { return {StoreErrc::kCancelled, "stopped"}; }

}  // namespace

Result<std::unique_ptr<S3Store>> S3Store::make(Runtime& runtime, IoPlace small,
                                               std::span<const IoPlace> transfers,
                                               S3Options options) {
  if (options.region.empty()) {
    options.region = find_region(options.credentials.environment, options.credentials.profile);
  }
  if (options.region.empty()) options.region = "us-east-1";
  options.credentials.region = options.region;
  TRY_OK(check(options));
  TRY(Endpoint endpoint, place_bucket(options));
  return std::unique_ptr<S3Store>(
      new S3Store(runtime, small, transfers, std::move(options), std::move(endpoint)));
}

S3Store::S3Store(Runtime& runtime, IoPlace small, std::span<const IoPlace> transfers,
                 S3Options options, Endpoint endpoint)
    : runtime_(runtime),
      options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      direct_(endpoint_.is_loopback() && options_.proxy.empty()),
      payload_is_safe_(endpoint_.tls || direct_),
      engines_(small, transfers, engine_options(options_)),
      credentials_(runtime, engines_.for_small(), options_.credentials),
      signer_(options_.region, "s3") {}

S3Store::~S3Store() = default;

Task<> S3Store::stop() {
  co_await engines_.stop(runtime_.core);
  co_await credentials_.stop();
  co_await gate_.close();
}

Task<Result<Object>> S3Store::get(std::string key, ByteRange range) {
  CO_TRY_OK(check_key(key));
  if (range.length == 0) co_return co_await get_by_head(std::move(key));
  Call request{.key = full_key(key)};
  const bool whole = range.offset == 0 && end_of(range) == UINT64_MAX;
  if (!whole) request.headers.push_back(range_header(range));
  if (range.length != UINT64_MAX) request.response_bytes = range.length;
  request.response_bytes_max = std::min<std::uint64_t>(
      range.length, range.length == UINT64_MAX ? kObjectBytesMax : UINT64_MAX);
  CO_TRY(HttpResponse response, co_await call(request));
  if (response.status == 416) co_return co_await get_by_head(std::move(key));
  if (!response.ok()) co_return error_of(response, name_of(request));
  co_return object_of(name_of(request), range, std::move(response));
}

Result<Object> S3Store::object_of(const std::string& name, ByteRange range,
                                  HttpResponse response) const {
  const auto damaged = [&name](const char* what) { return Error(StoreErrc::kDamaged, what, name); };
  Object object;
  object.etag = bare_etag(response.find_header("etag").value_or(""));
  const auto length = response.find_header("content-length");
  if (length && parse_decimal(*length) != response.body.size()) {
    return damaged("the body has another length than announced");
  }
  object.size = response.body.size();
  if (response.status == 206) {
    const auto covered = parse_content_range(response.find_header("content-range").value_or(""));
    if (!covered) return damaged("an answer to a range that does not say which");
    const std::uint64_t end = std::min(end_of(range), covered->size);
    if (covered->first != range.offset || covered->last + 1 != end) {
      return damaged("an answer to another range than was asked for");
    }
    if (end - range.offset != response.body.size()) {
      return damaged("the body has another length than its range");
    }
    object.size = covered->size;
  } else if (range.offset != 0) {
    return refused("the store does not know ranges", name);
  }
  object.body = std::move(response.body).take();
  return object;
}

Task<Result<Object>> S3Store::get_by_head(std::string key) {
  Call request{.method = HttpMethod::kHead, .key = full_key(key)};
  CO_TRY(const HttpResponse response, co_await call(request));
  if (!response.ok()) co_return error_of(response, name_of(request));
  const auto size = parse_decimal(response.find_header("content-length").value_or(""));
  if (!size) {
    co_return Error(StoreErrc::kDamaged, "an object without a length", name_of(request));
  }
  Object object;
  object.etag = bare_etag(response.find_header("etag").value_or(""));
  object.size = *size;
  co_return object;
}

Task<Result<std::string>> S3Store::put(std::string key, SharedBytes body, PutCondition condition) {
  CO_TRY_OK(check_key(key));
  CO_TRY_OK(check_condition(condition));
  if (condition.if_etag && (condition.if_etag->empty() || !is_header_safe(*condition.if_etag))) {
    co_return refused("this etag cannot be a condition", key);
  }
  Call request{.method = HttpMethod::kPut, .key = full_key(key)};
  request.body = std::move(body);
  add_put_headers(request, condition);
  CO_TRY(const HttpResponse response, co_await call(request));
  if (response.ok()) {
    if (condition.if_etag) quoting_known_ = true;
    co_return bare_etag(response.find_header("etag").value_or(""));
  }
  if (response.status == 412 && condition.if_etag && !quoting_known_) {
    CO_TRY(const bool unlike, co_await refuses_quotes(key, *condition.if_etag));
    if (unlike) {
      set_bare_etags(true);
      co_return co_await put(std::move(key), std::move(request.body), std::move(condition));
    }
  }
  Error error = error_of(response, name_of(request));
  if (condition.if_etag && is(error, StoreErrc::kNotFound)) {
    // AWS says so when there is no object to match.
    co_return Error(StoreErrc::kPreconditionFailed, error.what, *error.detail);
  }
  co_return error;
}

// Ceph never finds a quoted etag equal. A store that refuses a swap though the object's etag is the
// one that was named is like it.
Task<Result<bool>> S3Store::refuses_quotes(std::string key, std::string etag) {
  auto object = co_await get(std::move(key), {.offset = 0, .length = 1});
  if (!object) {
    if (is(object.error(), StoreErrc::kNotFound)) co_return false;
    co_return object.error();
  }
  co_return object->etag == etag;
}

void S3Store::add_put_headers(Call& call, const PutCondition& condition) const {
  if (condition.only_if_absent) call.headers.push_back("if-none-match: *");
  if (condition.if_etag) {
    const char* quote = options_.etag_quoting == EtagQuoting::kQuoted ? "\"" : "";
    call.headers.push_back("if-match: " + std::string(quote) + *condition.if_etag + quote);
  }
  if (!options_.storage_class.empty()) {
    call.amz_headers.push_back({"x-amz-storage-class", options_.storage_class});
  }
  if (options_.encryption == ServerSideEncryption::kS3) {
    call.amz_headers.push_back({"x-amz-server-side-encryption", "AES256"});
  } else if (options_.encryption == ServerSideEncryption::kKms) {
    call.amz_headers.push_back({"x-amz-server-side-encryption", "aws:kms"});
    if (!options_.kms_key_id.empty()) {
      call.amz_headers.push_back(
          {"x-amz-server-side-encryption-aws-kms-key-id", options_.kms_key_id});
    }
  }
}

Task<Result<void>> S3Store::remove(std::string key) {
  CO_TRY_OK(check_key(key));
  Call request{.method = HttpMethod::kDelete, .key = full_key(key)};
  CO_TRY(const HttpResponse response, co_await call(request));
  if (response.ok()) co_return Result<void>();
  Error error = error_of(response, name_of(request));
  if (is(error, StoreErrc::kNotFound)) co_return Result<void>();
  co_return error;
}

Task<Result<ListPage>> S3Store::list(std::string prefix, std::string start_after,
                                     std::uint32_t limit) {
  CO_TRY_OK(check_list(prefix, start_after, limit));
  Call request{.query = {{"list-type", "2"}, {"encoding-type", "url"}}};
  request.query.emplace_back("prefix", full_key(prefix));
  request.query.emplace_back("max-keys", std::to_string(limit));
  if (!start_after.empty()) request.query.emplace_back("start-after", full_key(start_after));
  request.response_bytes_max = kListBytesMax;
  // A store may cut a page short before its first key; the caller could not go on from there.
  for (int round = 0; round < kEmptyPagesMax; ++round) {
    CO_TRY(const HttpResponse response, co_await call(request));
    if (!response.ok()) {
      Error error = error_of(response, name_of(request));
      // No key is asked for, so what is missing is the bucket, also for stores that do not say so.
      if (!is(error, StoreErrc::kNotFound)) co_return error;
      co_return Error(StoreErrc::kBucketMissing, error.what, *error.detail);
    }
    CO_TRY(const ListReply reply, parse_list_reply(response.body));
    ListPage page;
    CO_TRY_OK(append_page(reply, start_after, page));
    if (!page.objects.empty() || !page.more) co_return page;
    if (reply.continuation.empty()) break;
    std::erase_if(request.query, [](const auto& pair) {
      return pair.first == "start-after" || pair.first == "continuation-token";
    });
    request.query.emplace_back("continuation-token", reply.continuation);
  }
  co_return Error(StoreErrc::kDamaged, "a listing without an end", name_of(request));
}

Result<void> S3Store::append_page(const ListReply& reply, const std::string& start_after,
                                  ListPage& page) const {
  const std::string root = full_key("");
  std::string last = start_after;
  page.more = reply.truncated;
  for (const ListedObject& object : reply.objects) {
    if (!object.key.starts_with(root)) {
      return Error(StoreErrc::kDamaged, "a listing with a foreign key", object.key);
    }
    std::string key = object.key.substr(root.size());
    if (key <= last && !(key.empty() && last.empty())) {
      return refused("the store does not list keys in order", object.key);
    }
    last = key;
    if (!key.empty()) page.objects.push_back({std::move(key), object.size});
  }
  return {};
}

Task<Result<Versioning>> S3Store::bucket_versioning() {
  Call request{.query = {{"versioning", ""}}};
  request.response_bytes_max = kErrorBodyBytesMax;
  CO_TRY(const HttpResponse response, co_await call(request));
  if (!response.ok()) co_return error_of(response, name_of(request));
  co_return parse_versioning_reply(response.body);
}

Task<Result<HttpResponse>> S3Store::call(Call call) {
  if (!gate_.enter()) co_return cancelled();
  Result<HttpResponse> response = co_await call_inside(std::move(call));
  gate_.leave();
  co_return response;
}

Task<Result<HttpResponse>> S3Store::call_inside(Call call) {
  CredentialsPtr credentials = credentials_.current();
  if (!credentials) {
    CO_TRY(credentials, co_await credentials_.get());
  }
  std::string hash;
  if (payload_is_safe_ && call.body.size() > kHashInlineBytesMax) {
    hash = kUnsignedPayload;
  } else if (call.body.size() <= kHashInlineBytesMax) {
    hash = to_hex(sha256(call.body.view()));
  } else {
    hash = co_await payload_hash(call.body);
  }
  const std::uint64_t bytes = call.body.size() + call.response_bytes;
  CO_TRY(HttpResponse response,
         co_await engines_.send(runtime_.core, sign(call, hash, *credentials), bytes));
  if (response.ok() || response.status == 404 || response.status == 412) co_return response;
  if (!is(error_of(response, ""), StoreErrc::kBadCredentials)) co_return response;
  // Refused before anything was done: keys that somebody has renewed meanwhile may be tried.
  const CredentialsPtr others = co_await credentials_.replacement(credentials);
  if (!others) co_return response;
  co_return co_await engines_.send(runtime_.core, sign(call, hash, *others), bytes);
}

Task<std::string> S3Store::payload_hash(SharedBytes body) {
  auto hash = [body = std::move(body)] { return to_hex(sha256(body.view())); };
  co_return co_await RunOn(runtime_.pool, runtime_.core, std::move(hash));
}

HttpRequest S3Store::sign(const Call& call, const std::string& hash,
                          const Credentials& credentials) {
  std::string path = endpoint_.base_path;
  if (!call.key.empty() || path.empty()) path += "/";
  path += percent_encode(call.key, Slash::kKeep);
  const std::string query = canonical_query(call.query);
  const std::string timestamp = amz_timestamp(runtime_.clock.wall());
  std::vector<SignedHeader> headers = call.amz_headers;
  headers.push_back({"x-amz-content-sha256", hash});
  headers.push_back({"x-amz-date", timestamp});
  if (!credentials.session_token.empty()) {
    headers.push_back({"x-amz-security-token", credentials.session_token});
  }
  HttpRequest request{.method = call.method, .url = endpoint_.origin() + path};
  if (!query.empty()) request.url += "?" + query;
  request.headers = call.headers;
  for (const auto& header : headers) request.headers.push_back(header.name + ": " + header.value);
  headers.push_back({"host", endpoint_.authority()});
  request.headers.push_back(
      "authorization: " +
      signer_.authorization(
          {method_name(call.method), path, query, std::move(headers), hash, timestamp},
          credentials.access_key_id, credentials.secret_access_key));
  request.body = call.body;
  request.response_bytes_max = call.response_bytes_max;
  request.never_by_proxy = direct_;
  return request;
}

std::string S3Store::full_key(const std::string& key) const {
  return options_.prefix.empty() ? key : options_.prefix + "/" + key;
}

std::string S3Store::name_of(const Call& call) const {
  std::string name = method_name(call.method);
  name += call.key.empty() ? " of bucket " + options_.bucket : " " + call.key;
  return name;
}

std::string S3Store::description() const {
  std::string text = "s3://" + options_.bucket;
  if (!options_.prefix.empty()) text += "/" + options_.prefix;
  return text + " at " +
         (options_.endpoint.empty() ? aws_endpoint(options_.region) : options_.endpoint);
}

}  // namespace cairn::object_store::s3
