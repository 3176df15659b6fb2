// What our client adds to a bare PUT by libcurl: both in one run, taking turns, as medians.

#include <curl/curl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "tests/unit/s3_real/real_bucket.h"

namespace cairn::object_store::s3 {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kBodyBytes = 4096;
constexpr int kRounds = 40;
constexpr int kPutsPerRound = 25;

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}
double microseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

/// One easy handle that puts and puts, signed once before all: as little as can be done.
class BareCurl {
 public:
  BareCurl(const S3Options& options, Duration now, std::string body) : body_(std::move(body)) {
    const Endpoint endpoint = *parse_endpoint(options.endpoint);
    const std::string path = "/" + options.bucket + "/" + options.prefix + "/bare";
    const std::string time = amz_timestamp(now);
    Signer signer(options.region, "s3");
    const std::string authorization = signer.authorization(
        {"PUT",
         path,
         "",
         {{"host", endpoint.authority()},
          {"x-amz-content-sha256", std::string(kUnsignedPayload)},
          {"x-amz-date", time}},
         kUnsignedPayload,
         time},
        options.credentials.access_key_id, options.credentials.secret_access_key);
    url_ = endpoint.origin() + path;
    for (const std::string& header :
         {std::string("Expect:"), "x-amz-content-sha256: " + std::string(kUnsignedPayload),
          "x-amz-date: " + time, "authorization: " + authorization}) {
      headers_ = curl_slist_append(headers_, header.c_str());
    }
    curl_easy_setopt(easy_, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(easy_, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_.size()));
    curl_easy_setopt(easy_, CURLOPT_READFUNCTION, &BareCurl::on_read);
    curl_easy_setopt(easy_, CURLOPT_READDATA, this);
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy_, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy_, CURLOPT_FAILONERROR, 1L);
  }
  ~BareCurl() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(easy_);
  }
  BareCurl(const BareCurl&) = delete;
  BareCurl& operator=(const BareCurl&) = delete;
  /// How long one took; nothing if it failed.
  std::optional<double> put() {
    offset_ = 0;
    const auto begin = Clock::now();
    if (curl_easy_perform(easy_) != CURLE_OK) return std::nullopt;
    return microseconds_since(begin);
  }

 private:
  static std::size_t on_read(char* into, std::size_t size, std::size_t count, void* self) {
    auto& bare = *static_cast<BareCurl*>(self);
    const std::size_t length = std::min(size * count, bare.body_.size() - bare.offset_);
    std::copy_n(bare.body_.data() + bare.offset_, length, into);
    bare.offset_ += length;
    return length;
  }
  CURL* easy_ = curl_easy_init();
  curl_slist* headers_ = nullptr;
  std::string url_;
  std::string body_;
  std::size_t offset_ = 0;
};

/// One after the other from inside the core, as a run of commits does.
Task<bool> put_in_turn(ObjectStore& store, SharedBytes body, int count,
                       std::vector<double>& times) {
  bool all = true;
  for (int i = 0; i < count; ++i) {
    const auto begin = Clock::now();
    const auto etag = co_await store.put("ours", body, {});
    times.push_back(microseconds_since(begin));
    all = all && etag.has_value();
  }
  co_return all;
}

TEST(PutLatency, AddsLittleToABarePutByLibcurl) {
  RealBucket bucket;
  const SharedBytes body = SharedBytes::from(std::string(kBodyBytes, 'x'));
  BareCurl bare(bucket.options(), bucket.real().runtime().clock.wall(),
                std::string(kBodyBytes, 'x'));
  std::vector<double> bare_times;
  std::vector<double> core_times;
  std::vector<double> caller_times;
  const auto put_ours = [&](int count, std::vector<double>& times) {
    std::promise<bool> all;
    bucket.core().dispatch([&] {
      [](Task<bool> task, std::promise<bool>& out) -> Task<> {
        out.set_value(co_await std::move(task));
      }(put_in_turn(bucket.store(), body, count, times), all)
                                                          .detach();
    });
    EXPECT_TRUE(all.get_future().get());
  };
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kPutsPerRound; ++i) {
      const auto took = bare.put();
      ASSERT_TRUE(took);
      bare_times.push_back(*took);
    }
    put_ours(kPutsPerRound, core_times);
    // And as an fsync sees it: brought by a thread that then sleeps until it is woken.
    for (int i = 0; i < kPutsPerRound; ++i) {
      std::vector<double> unused;
      const auto begin = Clock::now();
      put_ours(1, unused);
      caller_times.push_back(microseconds_since(begin));
    }
  }
  const double base = median(bare_times);
  const double core = median(core_times) / base;
  const double caller = median(caller_times) / base;
  std::printf(
      "PUT of 4 KiB, p50: bare libcurl %.0f us; in the core %.0f us (%.2f); "
      "from another thread %.0f us (%.2f)\n",
      base, median(core_times), core, median(caller_times), caller);
  // Wide of the goal (1.1), since machines are shared; a needless round trip or a delayed
  // acknowledgement would still show.
  EXPECT_LT(core, 1.5);
  EXPECT_LT(caller, 1.5);
}

}  // namespace
}  // namespace cairn::object_store::s3
