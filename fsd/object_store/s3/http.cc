#include "fsd/object_store/s3/http.h"

#include <algorithm>
#include <cstring>

#include "fsd/base/check.h"

namespace cairn::object_store::s3 {
namespace {

char lower(char c) { return (c >= 'A' && c <= 'Z') ? static_cast<char>(c + 32) : c; }

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

const char* method_name(HttpMethod method) {
  switch (method) {
    case HttpMethod::kGet:
      return "GET";
    case HttpMethod::kHead:
      return "HEAD";
    case HttpMethod::kPut:
      return "PUT";
    case HttpMethod::kPost:
      return "POST";
    case HttpMethod::kDelete:
      return "DELETE";
  }
  CHECK(false);
}

std::optional<std::string_view> HttpResponse::find_header(std::string_view name) const {
  std::string_view rest = headers;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (!std::equal(name.begin(), name.end(), line.begin(),
                    [](char a, char b) { return a == lower(b); })) {
      continue;
    }
    return trimmed(line.substr(name.size() + 1));
  }
  return std::nullopt;
}

void ResponseBody::reserve(std::size_t bytes, BlockPool& blocks) {
  if (bytes <= kBlockBytes && bytes >= kBlockBytes / 4 * 3) {
    block_ = blocks.take();
  } else {
    text_.reserve(bytes);
  }
}

void ResponseBody::append(std::string_view piece) {
  if (block_ && size_ + piece.size() > kBlockBytes) {  // more than was announced
    text_.assign(view());
    block_.reset();
  }
  if (block_) {
    std::memcpy(block_.get() + size_, piece.data(), piece.size());
    size_ += piece.size();
  } else {
    text_.append(piece);
  }
}

std::string_view ResponseBody::view() const {
  return block_ ? as_string({block_.get(), size_}) : std::string_view(text_);
}

SharedBytes ResponseBody::take() && {
  if (!block_) return SharedBytes::from(std::move(text_));
  const ByteView bytes(block_.get(), size_);
  return {std::move(block_), bytes};
}

}  // namespace cairn::object_store::s3
