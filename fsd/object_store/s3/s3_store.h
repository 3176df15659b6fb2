#pragma once

#include <memory>
#include <span>
#include <string>

#include "fsd/object_store/object_store.h"
#include "fsd/object_store/s3/credentials.h"
#include "fsd/object_store/s3/engine_set.h"
#include "fsd/object_store/s3/s3_options.h"
#include "fsd/object_store/s3/s3_reply.h"
#include "fsd/object_store/s3/sigv4.h"
#include "fsd/object_store/s3/uri.h"
#include "fsd/runtime/await.h"
#include "fsd/runtime/runtime.h"

namespace cairn::object_store::s3 {

/// A bucket behind the S3 protocol. One call is one request, but for a get of no bytes or past the
/// end (which asks for the size by HEAD) and for one more try with new credentials when the store
/// refuses the old; there are no other retries here.
/// Lifetime: runtime and places outlive it; co_await stop() before it goes.
/// Threads: core only; make() on any, before.
/// Fails with: StoreErrc, with a detail that names method, key, HTTP status and the store's words.
class S3Store final : public ObjectStore {
 public:
  /// Checks the options; sends nothing. Reads AWS's configuration files if the region is not set.
  /// Large requests will go by `transfers`, if there are any, all others by `small`.
  /// Fails with: kBadRequest, with a sentence that says what to set.
  [[nodiscard]] static Result<std::unique_ptr<S3Store>> make(Runtime& runtime, IoPlace small,
                                                             std::span<const IoPlace> transfers,
                                                             S3Options options);
  ~S3Store() override;

  Task<Result<Object>> get(std::string key, ByteRange range) override;
  Task<Result<std::string>> put(std::string key, SharedBytes body, PutCondition condition) override;
  Task<Result<void>> remove(std::string key) override;
  Task<Result<ListPage>> list(std::string prefix, std::string start_after,
                              std::uint32_t limit) override;
  [[nodiscard]] std::string description() const override;

  /// Whether the bucket keeps old versions, which nobody would ever delete.
  Task<Result<Versioning>> bucket_versioning();
  /// How the store wants If-Match; see EtagQuoting. Untold, it is learned from the first swap that
  /// is refused though nothing has changed.
  void set_bare_etags(bool bare) {
    options_.etag_quoting = bare ? EtagQuoting::kBare : EtagQuoting::kQuoted;
    quoting_known_ = true;
  }
  /// Ends what is under way with kCancelled, and refuses what comes after it.
  Task<> stop();

  static constexpr std::size_t kObjectBytesMax = 64 << 20;  // of a get without a length
  static constexpr std::size_t kListBytesMax = 8 << 20;
  static constexpr std::size_t kHashInlineBytesMax = 64 << 10;

 private:
  /// A request before it is signed.
  struct Call {
    HttpMethod method = HttpMethod::kGet;
    std::string key;  // with the prefix; empty for the bucket itself
    QueryPairs query;
    std::vector<std::string> headers;       // not signed
    std::vector<SignedHeader> amz_headers;  // signed and sent
    SharedBytes body;
    std::size_t response_bytes_max = 0;
    std::uint64_t response_bytes = 0;  // as far as it is known; else 0
  };
  S3Store(Runtime& runtime, IoPlace small, std::span<const IoPlace> transfers, S3Options options,
          Endpoint endpoint);

  Task<Result<HttpResponse>> call(Call call);
  Task<Result<HttpResponse>> call_inside(Call call);
  Task<std::string> payload_hash(SharedBytes body);
  HttpRequest sign(const Call& call, const std::string& hash, const Credentials& credentials);
  Task<Result<Object>> get_by_head(std::string key);
  Result<Object> object_of(const std::string& key, ByteRange range, HttpResponse response) const;
  Result<void> append_page(const ListReply& reply, const std::string& start_after,
                           ListPage& page) const;
  void add_put_headers(Call& call, const PutCondition& condition) const;
  Task<Result<bool>> refuses_quotes(std::string key, std::string etag);
  [[nodiscard]] std::string full_key(const std::string& key) const;
  [[nodiscard]] std::string name_of(const Call& call) const;

  Runtime& runtime_;
  S3Options options_;
  bool quoting_known_ = false;
  const Endpoint endpoint_;  // with the bucket in its host name or in its path
  const bool direct_;
  const bool payload_is_safe_;  // nobody on the way could change it
  EngineSet engines_;
  CredentialChain credentials_;
  Signer signer_;
  Gate gate_;
};

}  // namespace cairn::object_store::s3
