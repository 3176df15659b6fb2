// The frames of cairn.resume.v1, of both sides: what decodes encodes to the same bytes.

#include "fsd/base/check.h"
#include "protocol/resume/frames.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn::resume;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto frame = decode_client_frame(input)) CHECK(encode(*frame) == input);
  if (const auto frame = decode_server_frame(input)) {
    const auto* welcome = std::get_if<Welcome>(&*frame);
    // A flag may be any number but zero, and is 1 when we say it.
    CHECK(encode(*frame) == input || (welcome != nullptr && welcome->knows_unanswered));
  }
  return 0;
}
