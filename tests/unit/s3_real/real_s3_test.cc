#include <gtest/gtest.h>

#include "tests/unit/object_store/contract.h"
#include "tests/unit/s3_real/real_bucket.h"

namespace cairn::object_store::testing {

INSTANTIATE_TEST_SUITE_P(RealS3, StoreContract, ::testing::Values(&s3::make_real_bucket));

}  // namespace cairn::object_store::testing

namespace cairn::object_store::s3 {
namespace {

using testing::FailsWith;
using testing::Succeeds;

TEST(RealS3, AWrongSecretIsSaid) {
  RealBucket bucket;
  S3Options options = bucket.options();
  options.credentials.secret_access_key += "x";
  const auto store = bucket.open(options);
  EXPECT_THAT(bucket.wait([&] { return store->get("k", {}); }),
              FailsWith(StoreErrc::kBadCredentials));
  bucket.close(*store);
}

TEST(RealS3, AnUnknownKeyIsSaid) {
  RealBucket bucket;
  S3Options options = bucket.options();
  options.credentials.access_key_id = "nobody";
  const auto store = bucket.open(options);
  EXPECT_THAT(bucket.wait([&] { return store->put("k", {}, {}); }),
              FailsWith(StoreErrc::kBadCredentials));
  bucket.close(*store);
}

TEST(RealS3, AMissingBucketIsNoMissingObject) {
  RealBucket bucket;
  S3Options options = bucket.options();
  options.bucket = "cairn-no-such-bucket";
  const auto store = bucket.open(options);
  EXPECT_THAT(bucket.wait([&] { return store->get("k", {}); }),
              FailsWith(StoreErrc::kBucketMissing));
  EXPECT_THAT(bucket.wait([&] { return store->put("k", {}, {}); }),
              FailsWith(StoreErrc::kBucketMissing));
  EXPECT_THAT(bucket.wait([&] { return store->list("", "", 1); }),
              FailsWith(StoreErrc::kBucketMissing));
  bucket.close(*store);
}

TEST(RealS3, ABucketWithoutVersionsSaysSo) {
  RealBucket bucket;
  const auto versioning = bucket.wait([&] { return bucket.s3().bucket_versioning(); });
  ASSERT_THAT(versioning, Succeeds());
  EXPECT_EQ(*versioning, Versioning::kNever);
}

TEST(RealS3, APrefixMayHoldAnyBytes) {
  RealBucket bucket;
  S3Options options = bucket.options();
  options.prefix += "/a b+c&d=%20\xc3\xa4'(*)";
  const auto store = bucket.open(options);
  ASSERT_THAT(bucket.wait([&] { return store->put("k", SharedBytes::from("x"), {}); }), Succeeds());
  const auto page = bucket.wait([&] { return store->list("", "", 10); });
  EXPECT_EQ(testing::keys_of(page), std::vector<std::string>{"k"});
  EXPECT_EQ(testing::text_of(bucket.wait([&] { return store->get("k", {}); })), "x");
  bucket.close(*store);
}

TEST(RealS3, ManyAtATimeAllSucceed) {
  RealBucket bucket;
  const auto put_all = [](ObjectStore& store) -> Task<int> {
    std::vector<Task<Result<std::string>>> puts;
    for (int i = 0; i < 200; ++i) {
      puts.push_back(
          store.put("many/" + std::to_string(i), SharedBytes::from(std::string(1000, 'x')), {}));
    }
    int done = 0;
    for (auto& put : puts) {
      const auto etag = co_await std::move(put);
      if (etag) ++done;
    }
    co_return done;
  };
  EXPECT_EQ(bucket.wait([&] { return put_all(bucket.store()); }), 200);
}

}  // namespace
}  // namespace cairn::object_store::s3
