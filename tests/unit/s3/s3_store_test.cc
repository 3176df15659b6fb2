#include "fsd/object_store/s3/s3_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/s3/core_runner.h"
#include "tests/unit/s3/scripted_server.h"

namespace cairn::object_store::s3 {
namespace {

using cairn::testing::run_in_core;
using cairn::testing::ScriptedServer;
using ::testing::HasSubstr;
using After = ScriptedServer::After;
using Reply = ScriptedServer::Reply;
using Request = ScriptedServer::Request;

SharedBytes bytes(std::string text) { return SharedBytes::from(std::move(text)); }

class S3StoreTest : public ::testing::Test {
 protected:
  void serve(ScriptedServer::Script script) {
    server_ = std::make_unique<ScriptedServer>(std::move(script));
    options_.endpoint = server_->url();
    open();
  }
  void open() {
    options_.region = "us-east-1";
    options_.credentials.access_key_id = "AKID";
    options_.credentials.secret_access_key = "secret";
    auto made = S3Store::make(runtime_.runtime(), runtime_.io_place(), runtime_.transfer_places(),
                              options_);
    ASSERT_TRUE(made) << made.error().message();
    store_ = std::move(*made);
  }
  void TearDown() override {
    if (store_) stop();
    store_.reset();
    runtime_.stop();
  }
  void stop() {
    run_in_core(core(), [this] { return store_->stop(); });
  }
  Strand& core() { return runtime_.runtime().core; }
  Result<Object> get(std::string key, ByteRange range = {}) {
    return run_in_core(core(), [&] { return store_->get(key, range); });
  }
  Result<std::string> put(std::string key, std::string body, PutCondition condition = {}) {
    return run_in_core(core(), [&] { return store_->put(key, bytes(body), condition); });
  }
  Result<void> remove(std::string key) {
    return run_in_core(core(), [&] { return store_->remove(key); });
  }
  Result<ListPage> list(std::string prefix, std::string after, std::uint32_t limit) {
    return run_in_core(core(), [&] { return store_->list(prefix, after, limit); });
  }
  Request only_request() {
    auto all = server_->requests();
    CHECK(all.size() == 1);
    return all.front();
  }

  RealRuntime runtime_{{.transfer_threads = 2}};
  S3Options options_{.bucket = "bucket", .prefix = "vol"};
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<S3Store> store_;
};

std::string large_body() {
  std::string large(20 << 20, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 + (i >> 13));
  return large;
}

#define EXPECT_STORE_ERROR(result, code)                                            \
  do {                                                                              \
    const auto& outcome = (result);                                                 \
    ASSERT_FALSE(outcome);                                                          \
    EXPECT_TRUE(is(outcome.error(), StoreErrc::code)) << outcome.error().message(); \
  } while (false)

TEST_F(S3StoreTest, PutsTheBodyUnderItsKeyAndReturnsTheEtagBare) {
  options_.prefix = "my vol";
  serve([](const Request&) { return ScriptedServer::reply(200, "", "ETag: \"tag\"\r\n"); });
  const auto etag = put("log/a-b", "hello");
  ASSERT_TRUE(etag) << etag.error().message();
  EXPECT_EQ(*etag, "tag");
  const Request request = only_request();
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.target, "/bucket/my%20vol/log/a-b");
  EXPECT_EQ(request.body, "hello");
  EXPECT_EQ(request.headers.at("x-amz-content-sha256"), to_hex(sha256(as_bytes("hello"))));
  EXPECT_THAT(request.headers.at("authorization"),
              HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"));
  for (const char* absent : {"expect", "content-type", "accept", "if-match", "if-none-match",
                             "transfer-encoding", "x-amz-security-token"}) {
    EXPECT_FALSE(request.headers.contains(absent)) << absent;
  }
}

TEST_F(S3StoreTest, SaysConditionsAsTheStoreWantsThem) {
  serve([](const Request&) { return ScriptedServer::reply(200, "", "ETag: \"t\"\r\n"); });
  ASSERT_TRUE(put("k", "", PutCondition::absent()));
  ASSERT_TRUE(put("k", "", PutCondition::etag("abc")));
  store_->set_bare_etags(true);
  ASSERT_TRUE(put("k", "", PutCondition::etag("abc")));
  const auto all = server_->requests();
  EXPECT_EQ(all[0].headers.at("if-none-match"), "*");
  EXPECT_EQ(all[1].headers.at("if-match"), "\"abc\"");
  EXPECT_EQ(all[2].headers.at("if-match"), "abc");
  EXPECT_EQ(all[0].headers.at("content-length"), "0");
}

TEST_F(S3StoreTest, RefusesAnEtagThatWouldBreakTheHeader) {
  serve([](const Request&) { return ScriptedServer::reply(200, ""); });
  EXPECT_STORE_ERROR(put("k", "", PutCondition::etag("a\r\nx: y")), kBadRequest);
  EXPECT_STORE_ERROR(put("k", "", PutCondition::etag("")), kBadRequest);
  EXPECT_TRUE(server_->requests().empty());
}

TEST_F(S3StoreTest, SignsTheHeadersForStorageClassAndEncryption) {
  options_.storage_class = "STANDARD_IA";
  options_.encryption = ServerSideEncryption::kKms;
  options_.kms_key_id = "key-1";
  options_.credentials.session_token = "tok";
  serve([](const Request&) { return ScriptedServer::reply(200, ""); });
  ASSERT_TRUE(put("k", "x"));
  const Request request = only_request();
  EXPECT_EQ(request.headers.at("x-amz-storage-class"), "STANDARD_IA");
  EXPECT_EQ(request.headers.at("x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(request.headers.at("x-amz-server-side-encryption-aws-kms-key-id"), "key-1");
  EXPECT_EQ(request.headers.at("x-amz-security-token"), "tok");
  EXPECT_THAT(request.headers.at("authorization"),
              HasSubstr("x-amz-security-token;x-amz-server-side-encryption;"
                        "x-amz-server-side-encryption-aws-kms-key-id;x-amz-storage-class,"));
}

TEST_F(S3StoreTest, SendsLargeBodiesWholeAndUnhashedToThisVeryMachine) {
  const std::string large = large_body();
  serve([](const Request&) { return ScriptedServer::reply(200, ""); });
  ASSERT_TRUE(put("data/x", large));
  const Request request = only_request();
  EXPECT_TRUE(request.body == large);
  EXPECT_EQ(request.headers.at("x-amz-content-sha256"), kUnsignedPayload);
}

TEST_F(S3StoreTest, HashesLargeBodiesOverPlainHttpWhenOthersAreOnTheWay) {
  const std::string large = large_body();
  server_ = std::make_unique<ScriptedServer>(
      [](const Request&) { return ScriptedServer::reply(200, ""); });
  options_.endpoint = options_.proxy = server_->url();
  open();
  ASSERT_TRUE(put("data/x", large));
  const Request request = only_request();
  EXPECT_TRUE(request.body == large);
  EXPECT_EQ(request.headers.at("x-amz-content-sha256"), to_hex(sha256(as_bytes(large))));
}

TEST_F(S3StoreTest, GetsWholeObjectsAndRanges) {
  serve([](const Request& request) {
    if (!request.headers.contains("range")) {
      return ScriptedServer::reply(200, "0123456789", "ETag: \"t\"\r\n");
    }
    return ScriptedServer::reply(206, "234", "ETag: \"t\"\r\nContent-Range: bytes 2-4/10\r\n");
  });
  const auto whole = get("k");
  ASSERT_TRUE(whole) << whole.error().message();
  EXPECT_EQ(as_string(whole->body.view()), "0123456789");
  EXPECT_EQ(whole->size, 10U);
  EXPECT_EQ(whole->etag, "t");
  const auto part = get("k", {.offset = 2, .length = 3});
  ASSERT_TRUE(part) << part.error().message();
  EXPECT_EQ(as_string(part->body.view()), "234");
  EXPECT_EQ(part->size, 10U);
  EXPECT_EQ(server_->requests()[1].headers.at("range"), "bytes=2-4");
}

TEST_F(S3StoreTest, ARangeMayReachPastTheEndOfTheObjectAndOfNumbers) {
  serve([](const Request&) {
    return ScriptedServer::reply(206, "89", "Content-Range: bytes 8-9/10\r\n");
  });
  for (const std::uint64_t length : {std::uint64_t{100}, UINT64_MAX - 1, UINT64_MAX}) {
    const auto part = get("k", {.offset = 8, .length = length});
    ASSERT_TRUE(part) << part.error().message();
    EXPECT_EQ(as_string(part->body.view()), "89");
  }
  EXPECT_EQ(server_->requests()[1].headers.at("range"), "bytes=8-");
}

TEST_F(S3StoreTest, AnOffsetPastTheEndYieldsNoBytesButSizeAndEtag) {
  serve([](const Request& request) {
    if (request.method == "HEAD") {
      return Reply{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"t\"\r\n\r\n", After::kKeep};
    }
    return ScriptedServer::reply(416, ScriptedServer::error_xml("InvalidRange"));
  });
  for (const ByteRange range : {ByteRange{.offset = 10}, ByteRange{.offset = 3, .length = 0}}) {
    const auto object = get("k", range);
    ASSERT_TRUE(object) << object.error().message();
    EXPECT_TRUE(object->body.empty());
    EXPECT_EQ(object->size, 10U);
    EXPECT_EQ(object->etag, "t");
  }
}

TEST_F(S3StoreTest, RefusesAnswersToAnotherRange) {
  const std::vector<Reply> replies = {
      ScriptedServer::reply(206, "234"),
      ScriptedServer::reply(206, "234", "Content-Range: bytes 3-5/10\r\n"),
      ScriptedServer::reply(206, "23", "Content-Range: bytes 2-3/10\r\n"),
      ScriptedServer::reply(206, "23", "Content-Range: bytes 2-4/10\r\n"),
      ScriptedServer::reply(206, "234", "Content-Range: bytes 2-4/4\r\n"),
      ScriptedServer::reply(206, "2345", "Content-Range: bytes 2-4/10\r\n"),
      ScriptedServer::reply(200, "0123456789"),
  };
  std::size_t next = 0;
  serve([&](const Request&) { return replies[next++]; });
  for (std::size_t i = 0; i < replies.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_STORE_ERROR(get("k", {.offset = 2, .length = 3}), kDamaged);
  }
}

TEST_F(S3StoreTest, NeverTakesMoreThanItAskedFor) {
  const std::string head = "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-2/10\r\n";
  const std::string endless(1 << 20, 'x');
  const std::vector<Reply> replies = {
      {head + "Content-Length: 99999999999999\r\n\r\nabc", After::kHold},
      {head + "Content-Length: 99999999999999999999999999\r\n\r\nabc", After::kClose},
      {head + "Transfer-Encoding: chunked\r\n\r\n100000\r\n" + endless, After::kHold},
      {head + "Connection: close\r\n\r\n" + endless, After::kClose},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(300 << 10, 'h') + "\r\n\r\n", After::kClose},
  };
  std::size_t next = 0;
  serve([&](const Request&) { return replies[next++]; });
  for (std::size_t i = 0; i < replies.size(); ++i) {
    SCOPED_TRACE(i);
    const auto object = get("k", {.offset = 0, .length = 3});
    ASSERT_FALSE(object);
    EXPECT_TRUE(may_retry(object.error())) << object.error().message();
  }
}

TEST_F(S3StoreTest, ABodyThatIsCutShortIsDamaged) {
  serve([](const Request&) {
    return Reply{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", After::kClose};
  });
  EXPECT_STORE_ERROR(get("k"), kDamaged);
}

TEST_F(S3StoreTest, GarbageForAnAnswerCanBeRetried) {
  std::vector<std::string> garbage = {"", "garbage\r\n\r\n", "HTTP/1.1\r\n\r\n",
                                      "HTTP/1.1 999999 X\r\n\r\n", std::string(100, '\0')};
  std::size_t next = 0;
  serve([&](const Request&) { return Reply{garbage[next++ % garbage.size()], After::kClose}; });
  for (std::size_t i = 0; i < garbage.size(); ++i) {
    const auto object = get("k");
    ASSERT_FALSE(object) << i;
    EXPECT_TRUE(may_retry(object.error()) || is(object.error(), StoreErrc::kBadRequest))
        << i << object.error().message();
  }
}

TEST_F(S3StoreTest, GivesUpOnAServerThatSaysNothing) {
  options_.stall_timeout = std::chrono::seconds(1);
  serve([](const Request& request) {
    const bool begun = request.target.ends_with("begun");
    return Reply{begun ? "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012" : "", After::kHold};
  });
  EXPECT_STORE_ERROR(get("silent"), kUnavailable);
  EXPECT_STORE_ERROR(get("begun"), kUnavailable);
  EXPECT_STORE_ERROR(put("silent", "x"), kUnavailable);
}

TEST_F(S3StoreTest, ARefusedConnectionIsUnavailable) {
  serve([](const Request&) { return ScriptedServer::reply(200, ""); });
  server_.reset();
  EXPECT_STORE_ERROR(get("k"), kUnavailable);
}

TEST_F(S3StoreTest, ErrorsNameMethodKeyStatusAndTheStoresWords) {
  serve([](const Request&) {
    return ScriptedServer::reply(500, ScriptedServer::error_xml("InternalError", "we broke"));
  });
  const auto object = get("some/key");
  EXPECT_STORE_ERROR(object, kUnavailable);
  EXPECT_EQ(*object.error().detail, "GET vol/some/key answers 500 InternalError: we broke");
}

TEST_F(S3StoreTest, AnEndlessErrorBodyIsCutAndStillMapped) {
  serve([](const Request&) {
    return Reply{"HTTP/1.1 503 Slow\r\n\r\n<Error><Code>SlowDown</Code><Message>" +
                     std::string(1 << 20, 'x'),
                 After::kClose};
  });
  EXPECT_STORE_ERROR(get("k"), kThrottled);
}

TEST_F(S3StoreTest, AFailedConditionAndAMissingObjectToMatchAreOneError) {
  int status = 412;
  serve([&](const Request&) {
    return ScriptedServer::reply(status,
                                 status == 404 ? ScriptedServer::error_xml("NoSuchKey") : "");
  });
  EXPECT_STORE_ERROR(put("k", "x", PutCondition::absent()), kPreconditionFailed);
  EXPECT_STORE_ERROR(put("k", "x", PutCondition::etag("e")), kPreconditionFailed);
  status = 404;
  EXPECT_STORE_ERROR(put("k", "x", PutCondition::etag("e")), kPreconditionFailed);
}

TEST_F(S3StoreTest, RemovingWhatIsNotThereSucceedsButNotInAMissingBucket) {
  std::string code = "NoSuchKey";
  serve(
      [&](const Request&) { return ScriptedServer::reply(404, ScriptedServer::error_xml(code)); });
  EXPECT_TRUE(remove("k"));
  code = "NoSuchBucket";
  EXPECT_STORE_ERROR(remove("k"), kBucketMissing);
}

TEST_F(S3StoreTest, ListsKeysWithoutThePrefixAndGoesOverEmptyPages) {
  const auto page = [](const std::string& inside) {
    return ScriptedServer::reply(200, "<ListBucketResult>" + inside + "</ListBucketResult>");
  };
  serve([&](const Request& request) {
    if (request.target.find("continuation-token=t%2F1") == std::string::npos) {
      return page(
          "<IsTruncated>true</IsTruncated><NextContinuationToken>t/1"
          "</NextContinuationToken>");
    }
    return page(
        "<IsTruncated>true</IsTruncated>"
        "<Contents><Key>vol/log/b</Key><Size>7</Size></Contents>"
        "<Contents><Key>vol/log/c</Key><Size>8</Size></Contents>");
  });
  const auto listed = list("log/", "log/a", 1000);
  ASSERT_TRUE(listed) << listed.error().message();
  ASSERT_EQ(listed->objects.size(), 2U);
  EXPECT_EQ(listed->objects[0].key, "log/b");
  EXPECT_EQ(listed->objects[1].size, 8U);
  EXPECT_TRUE(listed->more);
  EXPECT_EQ(server_->requests()[0].target,
            "/bucket?encoding-type=url&list-type=2&max-keys=1000&prefix=vol%2Flog%2F"
            "&start-after=vol%2Flog%2Fa");
}

TEST_F(S3StoreTest, RefusesListingsThatCannotBeTrue) {
  const auto contents = [](const char* key) {
    return "<Contents><Key>" + std::string(key) + "</Key><Size>1</Size></Contents>";
  };
  std::vector<std::string> pages = {contents("other/a"), contents("vol/b") + contents("vol/a"),
                                    contents("vol/a") + contents("vol/a"),
                                    "<IsTruncated>true</IsTruncated>"};
  std::size_t next = 0;
  serve([&](const Request&) {
    return ScriptedServer::reply(200, "<ListBucketResult>" + pages[next] + "</ListBucketResult>");
  });
  for (next = 0; next < pages.size(); ++next) EXPECT_FALSE(list("", "", 10)) << pages[next];
}

TEST_F(S3StoreTest, KeepsOneConnectionAndReplacesItWhenItWasClosed) {
  serve([](const Request&) { return ScriptedServer::reply(200, "", "ETag: \"t\"\r\n"); });
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put("k", "x"));
  for (const auto& request : server_->requests()) EXPECT_EQ(request.connection, 1);
  server_->hang_up();
  ASSERT_TRUE(put("k", "x"));
  EXPECT_EQ(server_->requests().back().connection, 2);
}

Task<> count_put(S3Store& store, std::string body, std::atomic<int>& left,
                 std::promise<void>& all) {
  const auto etag = co_await store.put("k", bytes(body), {});
  EXPECT_TRUE(etag);
  if (--left == 0) all.set_value();
}

TEST_F(S3StoreTest, UsesNoMoreConnectionsThanItMay) {
  options_.connections_max = 8;
  serve([](const Request&) { return ScriptedServer::reply(200, "", "ETag: \"t\"\r\n"); });
  const std::string large(EngineSet::kTransferBytesMin, 'x');
  std::atomic<int> left = 100;
  std::promise<void> all;
  core().dispatch([&] {
    for (int i = 0; i < 100; ++i) count_put(*store_, i % 2 == 0 ? "x" : large, left, all).detach();
  });
  all.get_future().get();
  const auto requests = server_->requests();
  EXPECT_EQ(requests.size(), 100U);
  for (const auto& request : requests) EXPECT_LE(request.connection, 8);
}

Task<> count_cancelled(S3Store& store, ByteRange range, std::atomic<int>& cancelled) {
  const auto got = co_await store.get("held", range);
  if (!got && is(got.error(), StoreErrc::kCancelled)) ++cancelled;
}

TEST_F(S3StoreTest, LargeRequestsUseAllConnectionsThatTheyHaveAndNoOthers) {
  options_.connections_max = 16;
  constexpr int kHeld = 8;
  constexpr int kBrought = 20;
  std::promise<void> arrived;
  std::atomic<int> left = kHeld;
  serve([&](const Request& request) {
    if (request.method == "PUT") return ScriptedServer::reply(200, "", "ETag: \"t\"\r\n");
    if (request.headers.contains("range") && --left == 0) arrived.set_value();
    return Reply{"", After::kHold};
  });
  std::atomic<int> cancelled = 0;
  core().dispatch([&] {
    count_cancelled(*store_, {}, cancelled).detach();  // of unknown length: is not one of them
    for (int i = 0; i < kBrought; ++i) {
      count_cancelled(*store_, {0, EngineSet::kTransferBytesMin}, cancelled).detach();
    }
  });
  arrived.get_future().get();
  ASSERT_TRUE(put("small", "x"));
  EXPECT_EQ(left, 0);
  stop();
  while (cancelled < kBrought + 1) std::this_thread::yield();
}

TEST_F(S3StoreTest, StopEndsWhatIsUnderWayAndRefusesWhatComes) {
  options_.connections_max = 1;  // so that one of the two is still queued
  std::promise<void> arrived;
  serve([&](const Request&) {
    arrived.set_value();
    return Reply{"", After::kHold};
  });
  std::promise<Result<Object>> first;
  std::promise<Result<Object>> second;
  core().dispatch([&] {
    cairn::testing::hand_over(store_->get("a", {}), first).detach();
    cairn::testing::hand_over(store_->get("b", {}), second).detach();
  });
  arrived.get_future().get();
  stop();
  EXPECT_STORE_ERROR(first.get_future().get(), kCancelled);
  EXPECT_STORE_ERROR(second.get_future().get(), kCancelled);
  EXPECT_STORE_ERROR(get("c"), kCancelled);
}

TEST_F(S3StoreTest, TellsWhetherTheBucketKeepsVersions) {
  serve([](const Request&) {
    return ScriptedServer::reply(
        200, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
  });
  const auto versioning = run_in_core(core(), [&] { return store_->bucket_versioning(); });
  ASSERT_TRUE(versioning);
  EXPECT_EQ(*versioning, Versioning::kEnabled);
  EXPECT_EQ(only_request().target, "/bucket?versioning=");
}

TEST_F(S3StoreTest, ChecksItsOptions) {
  const auto make = [&] {
    return S3Store::make(runtime_.runtime(), runtime_.io_place(), runtime_.transfer_places(),
                         options_);
  };
  options_.bucket = "bucket";
  options_.region = "eu-west-1";
  EXPECT_EQ((*make())->description(), "s3://bucket/vol at https://s3.eu-west-1.amazonaws.com");
  options_.endpoint = "http://store.example";
  const auto plain = make();
  EXPECT_STORE_ERROR(plain, kBadRequest);
  EXPECT_THAT(*plain.error().detail, HasSubstr("allow_http = true"));
  options_.allow_http = true;
  EXPECT_TRUE(make());
  for (const char* bad : {"", "a", "with space", "../up", "b/c"}) {
    options_.bucket = bad;
    EXPECT_STORE_ERROR(make(), kBadRequest);
  }
}

TEST_F(S3StoreTest, ARefusalIsNotRepeatedWithTheSameKeys) {
  serve([](const Request&) {
    return ScriptedServer::reply(403, ScriptedServer::error_xml("InvalidAccessKeyId"));
  });
  EXPECT_STORE_ERROR(put("k", "x"), kBadCredentials);
  EXPECT_EQ(server_->requests().size(), 1U);  // the configuration's keys are what they are
}

TEST_F(S3StoreTest, ACaFileThatIsNotThereIsSaid) {
  serve([](const Request&) { return ScriptedServer::reply(200, ""); });
  stop();
  options_.endpoint = "https" + server_->url().substr(4);
  options_.ca_file = "/nonexistent/ca.pem";
  open();
  const auto object = get("k");
  EXPECT_STORE_ERROR(object, kBadRequest);
}

}  // namespace
}  // namespace cairn::object_store::s3
