#pragma once

#include <string>
#include <string_view>

#include "fsd/base/result.h"

namespace cairn::config {

/// Where a volume lies. Nothing in a URL is percent-decoded.
struct StorageUrl {
  enum class Kind { kS3, kFile, kMemory };
  Kind kind = Kind::kMemory;
  std::string bucket;     // kS3
  std::string prefix;     // kS3: without slashes at either end; may be empty
  std::string directory;  // kFile: absolute

  [[nodiscard]] std::string text() const;
  bool operator==(const StorageUrl&) const = default;
};

/// `s3://bucket/prefix`, `file:///dir` or `memory:`. Fails with a sentence that says what is wrong
/// without repeating the URL.
[[nodiscard]] Result<StorageUrl> parse_storage_url(std::string_view text);

}  // namespace cairn::config
