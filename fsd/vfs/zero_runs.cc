#include "fsd/vfs/zero_runs.h"

#include <cstring>

namespace cairn::vfs {

bool is_zero(ByteView bytes) {
  constexpr std::size_t kProbe = 16;
  static constexpr std::uint8_t kZeros[kProbe] = {};
  const std::size_t probe = bytes.size() < kProbe ? bytes.size() : kProbe;
  if (std::memcmp(bytes.data(), kZeros, probe) != 0) return false;  // nearly always
  // Each byte equals the one 16 before it, and the first 16 are zero.
  return bytes.size() <= kProbe ||
         std::memcmp(bytes.data(), bytes.data() + kProbe, bytes.size() - kProbe) == 0;
}

Run next_run(std::uint64_t offset, ByteView bytes, std::size_t begin) {
  auto is_hole = [&](std::size_t at) {
    return (offset + at) % kHoleBytes == 0 && bytes.size() - at >= kHoleBytes &&
           is_zero(bytes.subspan(at, kHoleBytes));
  };
  Run run{begin, begin, is_hole(begin)};
  while (run.end < bytes.size() && (run.end == begin || is_hole(run.end) == run.zero)) {
    const std::uint64_t to_next_page = kHoleBytes - (offset + run.end) % kHoleBytes;
    run.end += to_next_page < bytes.size() - run.end ? to_next_page : bytes.size() - run.end;
  }
  return run;
}

}  // namespace cairn::vfs
