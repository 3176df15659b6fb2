#pragma once

#include <memory>
#include <string>

#include "fsd/base/bytes.h"

namespace cairn::object_store {

/// The etag of an object with this content: the same on every machine, and, as with S3, the same
/// again when the same content is written again. 32 hexadecimal digits (XXH3-128). Any thread.
[[nodiscard]] std::string content_etag(ByteView content);

/// The same, for content that comes in pieces.
class ContentEtag {
 public:
  ContentEtag();
  ~ContentEtag();
  ContentEtag(const ContentEtag&) = delete;
  ContentEtag& operator=(const ContentEtag&) = delete;
  void add(ByteView piece);
  [[nodiscard]] std::string finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::object_store
