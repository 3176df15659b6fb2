#include "tests/unit/s3_real/real_bucket.h"

#include <unistd.h>

#include <cstdlib>

namespace cairn::object_store::s3 {
namespace {

std::string variable(const char* name, const char* otherwise = "") {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

/// PUT of the bucket itself, which the store has no call for. One that exists is as good.
void make_bucket(RealRuntime& runtime, const S3Options& options) {
  const Endpoint endpoint = *parse_endpoint(options.endpoint);
  const std::string path = "/" + options.bucket;
  const std::string time = amz_timestamp(runtime.runtime().clock.wall());
  const std::string hash = to_hex(sha256({}));
  Signer signer(options.region, "s3");
  HttpRequest request{.method = HttpMethod::kPut, .url = endpoint.origin() + path};
  request.headers = {"x-amz-content-sha256: " + hash, "x-amz-date: " + time};
  request.headers.push_back(
      "authorization: " +
      signer.authorization(
          {"PUT",
           path,
           "",
           {{"host", endpoint.authority()}, {"x-amz-content-sha256", hash}, {"x-amz-date", time}},
           hash,
           time},
          options.credentials.access_key_id, options.credentials.secret_access_key));
  request.response_bytes_max = 64 << 10;
  CurlEngine engine(runtime.io_place(), {.ca_file = options.ca_file});
  std::promise<int> status;
  engine.start(std::move(request), [&status](Result<HttpResponse> response) {
    status.set_value(response ? response->status : 0);
  });
  const int answered = status.get_future().get();
  CHECK(answered == 200 || answered == 409);
}

}  // namespace

RealBucket::RealBucket() {
  static int count = 0;
  options_.endpoint = variable("CAIRN_TEST_S3_ENDPOINT");
  options_.region = variable("CAIRN_TEST_S3_REGION", "us-east-1");
  options_.bucket = "cairn-test";
  options_.prefix = "run-" + std::to_string(time(nullptr)) + "-" + std::to_string(getpid()) + "/" +
                    std::to_string(++count);
  options_.credentials.access_key_id = variable("CAIRN_TEST_S3_ACCESS_KEY");
  options_.credentials.secret_access_key = variable("CAIRN_TEST_S3_SECRET_KEY");
  options_.ca_file = variable("CAIRN_TEST_S3_CA_FILE");
  options_.allow_http = true;
  // The tests' server is Ceph; a store of another kind says so.
  options_.etag_quoting = variable("CAIRN_TEST_S3_ETAGS", "bare") == "quoted" ? EtagQuoting::kQuoted
                                                                              : EtagQuoting::kBare;
  static const bool made = (make_bucket(real(), options_), true);
  CHECK(made);
  store_ = open(options_);
}

RealBucket::~RealBucket() { close(*store_); }

std::unique_ptr<S3Store> RealBucket::open(const S3Options& options) {
  auto made = S3Store::make(real().runtime(), real().io_place(), real().transfer_places(), options);
  CHECK(made.has_value());
  return *std::move(made);
}

void RealBucket::close(S3Store& store) {
  wait([&store] {
    return [](S3Store& s) -> Task<bool> {
      co_await s.stop();
      co_return true;
    }(store);
  });
}

std::unique_ptr<testing::StoreUnderTest> make_real_bucket() {
  return std::make_unique<RealBucket>();
}

}  // namespace cairn::object_store::s3
