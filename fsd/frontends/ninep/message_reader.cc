#include "fsd/frontends/ninep/message_reader.h"

#include <cerrno>
#include <cstring>

#include "protocol/p9/codec.h"

namespace cairn::p9 {
namespace {

MutableByteView tail(std::string& bytes, std::size_t from) {
  return {reinterpret_cast<std::uint8_t*>(bytes.data()) + from, bytes.size() - from};
}

}  // namespace

MessageReader::MessageReader() { resize_for_overwrite(buffer_, kBufferBytes); }

MutableByteView MessageReader::room() {
  return large_.empty() ? tail(buffer_, filled_) : tail(large_, large_filled_);
}

Result<void> MessageReader::advance(std::size_t count, std::uint32_t message_bytes_max,
                                    std::vector<std::string>& messages) {
  if (!large_.empty()) {
    large_filled_ += count;
    if (large_filled_ == large_.size()) {
      messages.push_back(std::move(large_));
      large_.clear();
    }
    return {};
  }
  filled_ += count;
  std::size_t at = 0;
  while (const auto header = peek_header(as_bytes(buffer_).subspan(at, filled_ - at))) {
    if (header->size < kHeaderBytes) return errno_error(EPROTO, "a message without a header");
    if (header->size > message_bytes_max) {
      return errno_error(EPROTO, "a message larger than was agreed on");
    }
    if (header->size > filled_ - at) {
      if (header->size <= kBufferBytes) break;
      resize_for_overwrite(large_, header->size);
      large_filled_ = filled_ - at;
      std::memcpy(large_.data(), buffer_.data() + at, large_filled_);
      at = filled_;
      break;
    }
    messages.emplace_back(buffer_, at, header->size);
    at += header->size;
  }
  std::memmove(buffer_.data(), buffer_.data() + at, filled_ - at);
  filled_ -= at;
  return {};
}

}  // namespace cairn::p9
