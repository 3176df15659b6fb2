#include "fsd/object_store/s3/sigv4.h"

#include <gtest/gtest.h>

#include "fsd/object_store/s3/uri.h"

namespace cairn::object_store::s3 {
namespace {

constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string signature_of(const std::string& authorization) {
  return authorization.substr(authorization.find("Signature=") + 10);
}

struct SuiteCase {
  const char* name;
  const char* method;
  std::string path;
  QueryPairs query;
  std::vector<SignedHeader> more_headers;
  std::string body;
  const char* signature;
};

// AWS's published "aws4_testsuite"; names as there. Its paths are normalised; these need none.
std::vector<SuiteCase> suite() {
  const std::string unreserved =
      "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return {
      {"get-vanilla",
       "GET",
       "/",
       {},
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/",
       {{"Param2", "value2"}, {"Param1", "value1"}},
       {},
       "",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-utf8",
       "GET",
       percent_encode("/\xe1\x88\xb4", Slash::kKeep),
       {},
       {},
       "",
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-unreserved",
       "GET",
       percent_encode(unreserved, Slash::kKeep),
       {},
       {},
       "",
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-header-value-trim",
       "GET",
       "/",
       {},
       {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}},
       "",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"post-vanilla",
       "POST",
       "/",
       {},
       {},
       "",
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       {},
       {{"content-type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
  };
}

TEST(SigV4, AgreesWithThePublishedTestSuite) {
  Signer signer("us-east-1", "service");
  for (const auto& test : suite()) {
    const std::string hash = to_hex(sha256(as_bytes(test.body)));
    const std::string query = canonical_query(test.query);
    SigningInput input{test.method, test.path, query, test.more_headers, hash, "20150830T123600Z"};
    input.headers.push_back({"x-amz-date", "20150830T123600Z"});
    input.headers.push_back({"host", "example.amazonaws.com"});
    const std::string got =
        signer.authorization(input, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    EXPECT_EQ(signature_of(got), test.signature) << test.name;
  }
}

TEST(SigV4, WritesTheAuthorizationHeaderAsDocumented) {
  Signer signer("us-east-1", "service");
  SigningInput input{
      "GET",      "/",
      "",         {{"x-amz-date", "20150830T123600Z"}, {"host", "example.amazonaws.com"}},
      kEmptyHash, "20150830T123600Z"};
  EXPECT_EQ(signer.authorization(input, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

struct S3Case {
  const char* name;
  const char* method;
  const char* path;
  QueryPairs query;
  std::vector<SignedHeader> more_headers;
  const char* body;
  const char* signature;
};

TEST(SigV4, AgreesWithTheExamplesOfTheS3Documentation) {
  const std::vector<S3Case> cases = {
      {"GET object",
       "GET",
       "/test.txt",
       {},
       {{"range", "bytes=0-9"}},
       "",
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {"PUT object",
       "PUT",
       "/test$file.text",
       {},
       {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
       "Welcome to Amazon S3.",
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {"GET bucket lifecycle",
       "GET",
       "/",
       {{"lifecycle", ""}},
       {},
       "",
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {"list objects",
       "GET",
       "/",
       {{"prefix", "J"}, {"max-keys", "2"}},
       {},
       "",
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
  };
  Signer signer("us-east-1", "s3");
  for (const auto& test : cases) {
    const std::string hash = to_hex(sha256(as_bytes(test.body)));
    const std::string path = percent_encode(test.path, Slash::kKeep);
    const std::string query = canonical_query(test.query);
    SigningInput input{test.method, path, query, test.more_headers, hash, "20130524T000000Z"};
    input.headers.push_back({"host", "examplebucket.s3.amazonaws.com"});
    input.headers.push_back({"x-amz-content-sha256", hash});
    input.headers.push_back({"x-amz-date", "20130524T000000Z"});
    EXPECT_EQ(signature_of(signer.authorization(input, "AKIAIOSFODNN7EXAMPLE",
                                                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
              test.signature)
        << test.name;
  }
}

TEST(SigV4, MakesANewKeyWhenTheDayOrTheSecretChanges) {
  const auto sign = [](Signer& signer, const char* time, const char* secret) {
    return signature_of(
        signer.authorization({"GET", "/", "", {{"host", "h"}}, kEmptyHash, time}, "id", secret));
  };
  Signer kept("r", "s3");
  for (const auto* time : {"20200101T235959Z", "20200102T000000Z"}) {
    for (const auto* secret : {"one", "two"}) {
      Signer fresh("r", "s3");
      EXPECT_EQ(sign(kept, time, secret), sign(fresh, time, secret));
    }
  }
}

TEST(SigV4, HmacAgreesWithRfc4231) {
  const std::string key(20, '\x0b');
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes(key), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  const std::string long_key(131, '\xaa');
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes(long_key),
                               as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(SigV4, WritesTimestampsInUtc) {
  EXPECT_EQ(amz_timestamp(std::chrono::seconds(1440938160)), "20150830T123600Z");
  EXPECT_EQ(amz_timestamp(std::chrono::milliseconds(999)), "19700101T000000Z");
}

TEST(Uri, EncodesAndDecodes) {
  EXPECT_EQ(percent_encode("a b/c+d~", Slash::kKeep), "a%20b/c%2Bd~");
  EXPECT_EQ(percent_encode("a/b", Slash::kEncode), "a%2Fb");
  EXPECT_EQ(percent_decode("a%20b%2fc+"), "a b/c+");
  EXPECT_EQ(percent_decode("a%2"), std::nullopt);
  EXPECT_EQ(percent_decode("a%zz"), std::nullopt);
}

TEST(Uri, ReadsEndpoints) {
  auto endpoint = parse_endpoint("http://127.0.0.1:7480/");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->authority(), "127.0.0.1:7480");
  EXPECT_EQ(endpoint->base_path, "");
  EXPECT_TRUE(endpoint->is_loopback());
  EXPECT_FALSE(endpoint->tls);
  endpoint = parse_endpoint("https://Store.example:443/a/b//");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->origin(), "https://store.example");
  EXPECT_EQ(endpoint->base_path, "/a/b");
  EXPECT_FALSE(endpoint->is_loopback());
  EXPECT_TRUE(parse_endpoint("http://[::1]:99")->is_loopback());
  EXPECT_FALSE(parse_endpoint("http://127.evil.example")->is_loopback());
  for (const auto* bad : {"", "store.example", "ftp://x", "http://", "http://x:0", "http://x:70000",
                          "http://x:1y", "http://x/?q", "http://user@x", "http://x y"}) {
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
  }
}

}  // namespace
}  // namespace cairn::object_store::s3
