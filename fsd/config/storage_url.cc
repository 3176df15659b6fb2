#include "fsd/config/storage_url.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>

#include "fsd/config/config_error.h"

namespace cairn::config {
namespace {

constexpr std::size_t kBucketBytesMin = 3;
constexpr std::size_t kBucketBytesMax = 63;
constexpr std::size_t kPrefixBytesMax = 400;

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
}

std::optional<std::string_view> after(std::string_view text, std::string_view start) {
  if (!text.starts_with(start)) return std::nullopt;
  return text.substr(start.size());
}

Result<void> check_prefix(std::string_view prefix) {
  if (prefix.size() > kPrefixBytesMax) {
    return config_error("the prefix of a storage URL is longer than 400 bytes");
  }
  while (!prefix.empty()) {
    const std::size_t end = std::min(prefix.find('/'), prefix.size());
    const std::string_view part = prefix.substr(0, end);
    if (part.empty() || part == "." || part == ".." ||
        !std::all_of(part.begin(), part.end(), is_name_char)) {
      return config_error(
          "the prefix of a storage URL has a part that is empty, . or .., or a character outside "
          "of A-Z a-z 0-9 . _ -");
    }
    prefix.remove_prefix(std::min(end + 1, prefix.size()));
  }
  return {};
}

Result<StorageUrl> parse_s3(std::string_view rest) {
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  StorageUrl url{.kind = StorageUrl::Kind::kS3, .bucket = std::string(rest.substr(0, slash))};
  const std::string& bucket = url.bucket;
  if (bucket.empty()) return config_error("a storage URL has no bucket: s3://bucket/prefix");
  if (bucket.find('@') != bucket.npos) {
    return config_error(
        "a storage URL holds no credentials: they belong in [aws] or the environment");
  }
  if (bucket.size() < kBucketBytesMin || bucket.size() > kBucketBytesMax ||
      !std::all_of(bucket.begin(), bucket.end(), is_name_char)) {
    return config_error(
        "the bucket of a storage URL is not 3 to 63 characters of A-Z a-z 0-9 . _ -");
  }
  std::string_view prefix = rest.substr(std::min(slash + 1, rest.size()));
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  TRY_OK(check_prefix(prefix));
  url.prefix = prefix;
  return url;
}

Result<StorageUrl> parse_file(std::string_view path) {
  if (!path.starts_with('/')) {
    return config_error("a file URL names an absolute directory, with three slashes: file:///dir");
  }
  if (path.find('\0') != path.npos) return config_error("a file URL has a zero byte");
  std::string directory = std::filesystem::path(path).lexically_normal().string();
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  if (directory == "/") return config_error("a file URL names the root directory");
  return StorageUrl{.kind = StorageUrl::Kind::kFile, .directory = std::move(directory)};
}

}  // namespace

std::string StorageUrl::text() const {
  switch (kind) {
    case Kind::kS3:
      return "s3://" + bucket + (prefix.empty() ? "" : "/" + prefix);
    case Kind::kFile:
      return "file://" + directory;
    case Kind::kMemory:
      return "memory:";
  }
  return {};
}

Result<StorageUrl> parse_storage_url(std::string_view text) {
  if (text.empty()) return config_error("a storage URL is empty");
  if (text == "memory:") return StorageUrl();
  if (const auto rest = after(text, "s3://")) return parse_s3(*rest);
  if (const auto rest = after(text, "file://")) return parse_file(*rest);
  if (text.starts_with("file:")) {
    return config_error("a file URL names an absolute directory, with three slashes: file:///dir");
  }
  for (const char* other : {"gs://", "az://", "azure://", "http://", "https://"}) {
    if (text.starts_with(other)) {
      return config_error("a storage URL begins with " + std::string(other) +
                          ", which is not spoken here: take the provider's S3 interface, as "
                          "s3://bucket/prefix with its address in aws.endpoint");
    }
  }
  return config_error("expected a storage URL: s3://bucket/prefix, file:///dir or memory:");
}

}  // namespace cairn::config
