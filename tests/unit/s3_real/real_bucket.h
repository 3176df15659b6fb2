#pragma once

#include <memory>
#include <string>

#include "fsd/object_store/s3/s3_options.h"
#include "fsd/object_store/s3/s3_store.h"
#include "tests/unit/object_store/store_under_test.h"

namespace cairn::object_store::s3 {

/// A prefix of its own in a bucket of a real S3 server, which the environment names:
/// CAIRN_TEST_S3_ENDPOINT, CAIRN_TEST_S3_ACCESS_KEY, CAIRN_TEST_S3_SECRET_KEY; and, if need be,
/// CAIRN_TEST_S3_REGION (us-east-1), CAIRN_TEST_S3_CA_FILE (for https) and CAIRN_TEST_S3_ETAGS
/// ("quoted" for a store that is not Ceph). The bucket "cairn-test" is made when it is not there.
class RealBucket final : public testing::RealStoreUnderTest {
 public:
  RealBucket();
  ~RealBucket() override;
  ObjectStore& store() override { return *store_; }
  S3Store& s3() { return *store_; }
  /// Another one, with other options than those of options().
  std::unique_ptr<S3Store> open(const S3Options& options);
  void close(S3Store& store);
  [[nodiscard]] const S3Options& options() const { return options_; }

 private:
  S3Options options_;
  std::unique_ptr<S3Store> store_;
};

/// For the contract suite.
std::unique_ptr<testing::StoreUnderTest> make_real_bucket();

}  // namespace cairn::object_store::s3
