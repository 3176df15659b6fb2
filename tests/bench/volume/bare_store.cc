// The yardstick for what goes to the store: bare PUTs and GETs by libcurl, signed beforehand, each
// thread with one handle and one kept connection.
//
//   bare_store put|put-new|get KEY_PREFIX BYTES COUNT THREADS
//
// `put` writes KEY_PREFIX0, KEY_PREFIX1, ..., `put-new` does so with "If-None-Match: *" as each
// commit must, and `get` reads them. Prints one JSON object: the seconds
// that all of it took, and each request's microseconds without every thread's first, which
// connects. The server is the one of CAIRN_TEST_S3_*.

#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "fsd/object_store/s3/sigv4.h"
#include "fsd/object_store/s3/uri.h"

namespace {

using namespace cairn::object_store::s3;
using Clock = std::chrono::steady_clock;

constexpr long kBufferBytes = 256L << 10;
constexpr std::size_t kLargeBytes = 256U << 10;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bare_store: %s\n", why.c_str());
  std::exit(1);
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) die(std::string(name) + " is not set: start scripts/s3-server.sh");
  return value;
}

struct Work {
  bool puts = false;
  bool only_new = false;
  std::string prefix;
  std::size_t bytes = 0;
  int count = 0;
  int threads = 1;
  std::string body;
};

struct Request {
  std::string url;
  curl_slist* headers = nullptr;
};

Request signed_request(const Work& work, int number) {
  const auto endpoint = parse_endpoint(variable("CAIRN_TEST_S3_ENDPOINT"));
  if (!endpoint) die(endpoint.error().message());
  const std::string path =
      "/" + variable("CAIRN_TEST_S3_BUCKET") + "/" + work.prefix + std::to_string(number);
  const std::string time = amz_timestamp(std::chrono::system_clock::now().time_since_epoch());
  Signer signer("us-east-1", "s3");
  const std::string authorization = signer.authorization(
      {work.puts ? "PUT" : "GET",
       path,
       "",
       {{"host", endpoint->authority()},
        {"x-amz-content-sha256", std::string(kUnsignedPayload)},
        {"x-amz-date", time}},
       kUnsignedPayload,
       time},
      variable("CAIRN_TEST_S3_ACCESS_KEY"), variable("CAIRN_TEST_S3_SECRET_KEY"));
  Request request{.url = endpoint->origin() + path};
  for (const std::string& line : {std::string("Expect:"), std::string("Content-Type:"),
                                  "x-amz-content-sha256: " + std::string(kUnsignedPayload),
                                  "x-amz-date: " + time, "authorization: " + authorization}) {
    request.headers = curl_slist_append(request.headers, line.c_str());
  }
  if (work.only_new) request.headers = curl_slist_append(request.headers, "If-None-Match: *");
  return request;
}

std::size_t count_bytes(char*, std::size_t size, std::size_t count, void* total) {
  *static_cast<std::size_t*>(total) += size * count;
  return size * count;
}

/// One handle, as a PUT in one piece or a GET wants it.
class Handle {
 public:
  explicit Handle(const Work& work) : work_(work) {
    curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy_, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy_, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &count_bytes);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &received_);
    if (work.bytes >= kLargeBytes) {
      curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kBufferBytes);
      curl_easy_setopt(easy_, CURLOPT_UPLOAD_BUFFERSIZE, kBufferBytes);
    }
    if (!work.puts) return;
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(work.bytes));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, work.body.data());
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, "PUT");
  }
  ~Handle() { curl_easy_cleanup(easy_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  double perform(const Request& request) {
    received_ = 0;
    curl_easy_setopt(easy_, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, request.headers);
    const auto begin = Clock::now();
    const CURLcode code = curl_easy_perform(easy_);
    const std::chrono::duration<double, std::micro> took = Clock::now() - begin;
    if (code != CURLE_OK) die(std::string(curl_easy_strerror(code)) + ": " + request.url);
    if (!work_.puts && received_ != work_.bytes) die("an object of another size: " + request.url);
    return took.count();
  }

 private:
  const Work& work_;
  std::size_t received_ = 0;
  CURL* easy_ = curl_easy_init();
};

struct Outcome {
  double seconds = 0;
  std::vector<double> microseconds;
};

Outcome run(const Work& work) {
  std::vector<Request> requests;
  for (int i = 0; i < work.count; ++i) requests.push_back(signed_request(work, i));
  std::atomic<int> next{0};
  std::vector<std::vector<double>> times(static_cast<std::size_t>(work.threads));
  std::vector<std::thread> threads;
  std::latch all_there(work.threads + 1);
  for (auto& mine : times) {
    threads.emplace_back([&] {
      Handle handle(work);
      all_there.arrive_and_wait();
      for (int i = next++; i < work.count; i = next++) {
        mine.push_back(handle.perform(requests[static_cast<std::size_t>(i)]));
      }
    });
  }
  const auto begin = Clock::now();
  all_there.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
  Outcome outcome;
  outcome.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  for (const auto& mine : times) {
    if (mine.empty()) continue;
    outcome.microseconds.insert(outcome.microseconds.end(), mine.begin() + 1, mine.end());
  }
  for (const Request& request : requests) curl_slist_free_all(request.headers);
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) die("use: put|put-new|get KEY_PREFIX BYTES COUNT THREADS");
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::string verb = argv[1];
  Work work{.puts = verb != "get",
            .only_new = verb == "put-new",
            .prefix = argv[2],
            .bytes = std::strtoull(argv[3], nullptr, 10),
            .count = std::atoi(argv[4]),
            .threads = std::atoi(argv[5])};
  if (work.puts) {
    std::mt19937_64 random(1);
    work.body.resize(work.bytes);
    std::generate(work.body.begin(), work.body.end(), [&] { return static_cast<char>(random()); });
  }
  const Outcome outcome = run(work);
  std::printf("{\"seconds\": %.6f, \"microseconds\": [", outcome.seconds);
  for (std::size_t i = 0; i < outcome.microseconds.size(); ++i) {
    std::printf("%s%.1f", i == 0 ? "" : ", ", outcome.microseconds[i]);
  }
  std::printf("]}\n");
  return 0;
}
