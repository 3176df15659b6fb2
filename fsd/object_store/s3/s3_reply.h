#pragma once

// What an S3 store answers, read defensively: every text here came from outside.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/object_store/object_store.h"
#include "fsd/object_store/s3/http.h"

namespace cairn::object_store::s3 {

/// The <Error> document; fields are empty where the store says nothing.
struct ErrorDocument {
  std::string code;
  std::string message;
  std::string region;
};
/// Whatever can be found in the text; an empty document for what is no XML. Never fails.
[[nodiscard]] ErrorDocument parse_error_document(std::string_view xml);

/// What an answer that is not 2xx means. `request` names method and key, for people.
[[nodiscard]] Error error_of(const HttpResponse& response, const std::string& request);

/// One page of ListObjectsV2, keys decoded and as the bucket has them.
struct ListReply {
  std::vector<ListedObject> objects;
  bool truncated = false;
  std::string continuation;
};
/// Fails with: kDamaged.
[[nodiscard]] Result<ListReply> parse_list_reply(std::string_view xml);

enum class Versioning { kNever, kEnabled, kSuspended };
/// Fails with: kDamaged.
[[nodiscard]] Result<Versioning> parse_versioning_reply(std::string_view xml);

/// "bytes 0-9/100"
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t size = 0;
};
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view text);
/// Decimal digits and nothing else.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text);
/// Without the quotes, and without the mark of a weak one.
[[nodiscard]] std::string bare_etag(std::string_view text);

}  // namespace cairn::object_store::s3
