#include "fsd/object_store/s3/s3_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn::object_store::s3 {
namespace {

using ::testing::HasSubstr;

struct ErrorCase {
  int status;
  const char* code;
  StoreErrc meaning;
};

TEST(ErrorOf, MapsStatusAndCodeToWhatACallerMustTellApart) {
  const std::vector<ErrorCase> cases = {
      {404, "NoSuchKey", StoreErrc::kNotFound},
      {404, "", StoreErrc::kNotFound},
      {404, "NoSuchBucket", StoreErrc::kBucketMissing},
      {412, "PreconditionFailed", StoreErrc::kPreconditionFailed},
      {412, "", StoreErrc::kPreconditionFailed},
      {409, "ConditionalRequestConflict", StoreErrc::kConflict},
      {409, "OperationAborted", StoreErrc::kConflict},
      {403, "SignatureDoesNotMatch", StoreErrc::kBadCredentials},
      {403, "InvalidAccessKeyId", StoreErrc::kBadCredentials},
      {400, "ExpiredToken", StoreErrc::kBadCredentials},
      {403, "ExpiredToken", StoreErrc::kBadCredentials},
      {401, "", StoreErrc::kBadCredentials},
      {403, "RequestTimeTooSkewed", StoreErrc::kClockSkew},
      {403, "AccessDenied", StoreErrc::kAccessDenied},
      {403, "", StoreErrc::kAccessDenied},
      {403, "QuotaExceeded", StoreErrc::kUnavailable},
      {429, "", StoreErrc::kThrottled},
      {503, "SlowDown", StoreErrc::kThrottled},
      {503, "", StoreErrc::kUnavailable},
      {500, "InternalError", StoreErrc::kUnavailable},
      {502, "", StoreErrc::kUnavailable},
      {507, "", StoreErrc::kUnavailable},
      {400, "RequestTimeout", StoreErrc::kUnavailable},
      {408, "", StoreErrc::kUnavailable},
      {400, "BadDigest", StoreErrc::kDamaged},
      {400, "IncompleteBody", StoreErrc::kDamaged},
      {400, "InvalidArgument", StoreErrc::kBadRequest},
      {501, "NotImplemented", StoreErrc::kBadRequest},
      {405, "MethodNotAllowed", StoreErrc::kBadRequest},
      {301, "PermanentRedirect", StoreErrc::kBadRequest},
      {307, "TemporaryRedirect", StoreErrc::kBadRequest},
  };
  for (const auto& test : cases) {
    HttpResponse response;
    response.status = test.status;
    if (*test.code != 0) {
      response.body = ResponseBody("<Error><Code>" + std::string(test.code) + "</Code></Error>");
    }
    const Error error = error_of(response, "GET some/key");
    EXPECT_TRUE(is(error, test.meaning))
        << test.status << " " << test.code << ": " << error.message();
  }
}

TEST(ErrorOf, NamesRequestStatusAndTheStoresWords) {
  HttpResponse response;
  response.status = 403;
  response.body =
      ResponseBody("<Error><Code>AccessDenied</Code><Message>not\nyou</Message></Error>");
  EXPECT_EQ(*error_of(response, "PUT a/b").detail, "PUT a/b answers 403 AccessDenied: not you");
}

TEST(ErrorOf, NamesTheRegionThatTheStoreSays) {
  HttpResponse response;
  response.status = 301;
  response.headers = "X-Amz-Bucket-Region: eu-west-3\r\n";
  EXPECT_THAT(*error_of(response, "GET a").detail, HasSubstr("'eu-west-3'"));
  response.status = 400;
  response.headers.clear();
  response.body = ResponseBody(
      "<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region></Error>");
  const Error error = error_of(response, "GET a");
  EXPECT_TRUE(is(error, StoreErrc::kBadRequest));
  EXPECT_THAT(*error.detail, HasSubstr("'us-west-2'"));
}

TEST(ErrorOf, TakesNoHarmFromWhatIsNoXml) {
  std::string deep;
  for (int i = 0; i < 20000; ++i) deep += "<a>";
  const std::string bomb =
      "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><Error><Code>&b;</Code>"
      "</Error>";
  for (const std::string& body :
       {std::string("<Error><Code>NoSuch"), std::string("<html>"), std::string(1000, '\0'),
        std::string("\xff\xfe"), deep, bomb, std::string("<<<<>>>>&&&&")}) {
    HttpResponse response;
    response.status = 500;
    response.body = ResponseBody(body);
    const Error error = error_of(response, "GET a");
    EXPECT_TRUE(is(error, StoreErrc::kUnavailable));
    EXPECT_LT(error.detail->size(), 700U);
  }
}

TEST(ListReply, ReadsKeysAndSizes) {
  const auto reply = parse_list_reply(
      "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>to&amp;ken</NextContinuationToken>"
      "<Contents><Key>a%20+b%2Bc</Key><Size>12</Size></Contents>"
      "<Contents><Key>d</Key><Size>0</Size></Contents></ListBucketResult>");
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->objects.size(), 2U);
  EXPECT_EQ(reply->objects[0].key, "a  b+c");
  EXPECT_EQ(reply->objects[0].size, 12U);
  EXPECT_TRUE(reply->truncated);
  EXPECT_EQ(reply->continuation, "to&ken");
}

TEST(ListReply, RefusesWhatIsDamaged) {
  for (const char* xml :
       {"", "<x/>", "<ListBucketResult>", "<Error><Code>x</Code></Error>",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>"
        "</ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a%2</Key><Size>1</Size>"
        "</Contents></ListBucketResult>"}) {
    const auto reply = parse_list_reply(xml);
    ASSERT_FALSE(reply) << xml;
    EXPECT_TRUE(is(reply.error(), StoreErrc::kDamaged));
  }
}

TEST(VersioningReply, TellsTheThreeStates) {
  const std::string head = "<VersioningConfiguration>";
  const std::string tail = "</VersioningConfiguration>";
  EXPECT_EQ(*parse_versioning_reply("<VersioningConfiguration/>"), Versioning::kNever);
  EXPECT_EQ(*parse_versioning_reply(head + "<Status>Enabled</Status>" + tail),
            Versioning::kEnabled);
  EXPECT_EQ(*parse_versioning_reply(head + "<Status>Suspended</Status>" + tail),
            Versioning::kSuspended);
  EXPECT_FALSE(parse_versioning_reply("<html/>"));
}

TEST(ContentRange, IsReadStrictly) {
  const auto range = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 5U);
  EXPECT_EQ(range->last, 9U);
  EXPECT_EQ(range->size, 10U);
  for (const char* bad : {"", "bytes", "bytes */10", "bytes 5-9/*", "bytes 9-5/10", "bytes 5-10/10",
                          "bytes 5/10-9", "bytes -5-9/10", "items 5-9/10", "bytes 5-9/10 "}) {
    EXPECT_FALSE(parse_content_range(bad)) << bad;
  }
}

TEST(BareEtag, LosesItsQuotes) {
  EXPECT_EQ(bare_etag("\"abc\""), "abc");
  EXPECT_EQ(bare_etag("abc"), "abc");
  EXPECT_EQ(bare_etag("W/\"abc\""), "abc");
  EXPECT_EQ(bare_etag("\""), "\"");
  EXPECT_EQ(bare_etag(""), "");
}

TEST(ResponseBody, IsTheSameWhetherItLiesInABlockOrNot) {
  BlockPool blocks(ResponseBody::kBlockBytes, 0);
  const std::string piece(300'000, 'p');
  for (const std::size_t announced : {std::size_t{100}, std::size_t{2'000'000},
                                      ResponseBody::kBlockBytes, ResponseBody::kBlockBytes + 1}) {
    ResponseBody body;
    body.reserve(announced, blocks);
    std::string expected;
    // Up to more than was announced, and more than a block holds.
    while (expected.size() <= ResponseBody::kBlockBytes) {
      body.append(piece);
      expected += piece;
      EXPECT_EQ(body.view(), expected);
      EXPECT_EQ(body.size(), expected.size());
    }
    EXPECT_EQ(as_string(std::move(body).take().view()), expected);
  }
}

TEST(ResponseBody, OfALargeReadBecomesTheCallersWithoutACopy) {
  BlockPool blocks(ResponseBody::kBlockBytes, 0);
  ResponseBody body;
  body.reserve(2'000'000, blocks);
  body.append(std::string(2'000'000, 'x'));
  const char* where = body.view().data();
  const SharedBytes taken = std::move(body).take();
  EXPECT_EQ(as_string(taken.view()).data(), where);
  EXPECT_EQ(blocks.counters().used, 1U);
}

TEST(HttpResponse, FindsHeadersWhateverTheirCase) {
  HttpResponse response;
  response.headers = "ETag:  \"x\" \r\nX-Other: 1\r\nETag: second\r\nEmpty:\r\n";
  EXPECT_EQ(response.find_header("etag"), "\"x\"");
  EXPECT_EQ(response.find_header("x-other"), "1");
  EXPECT_EQ(response.find_header("empty"), "");
  EXPECT_EQ(response.find_header("x-othe"), std::nullopt);
}

}  // namespace
}  // namespace cairn::object_store::s3
